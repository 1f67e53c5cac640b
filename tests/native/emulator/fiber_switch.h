// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
//
// Switches from one stack to another. To be included only once.

#ifndef ELMO4J_EMULATOR_FIBER_SWITCH_H_
#define ELMO4J_EMULATOR_FIBER_SWITCH_H_

// Saves the callee-saved registers on the stack and the stack pointer in *from, and continues where
// `to` was saved.
#if defined(__x86_64__)
extern "C" void elmo4j_emulator_switch(void** from, void* to);
asm(R"(
  .text
  .globl elmo4j_emulator_switch
  .hidden elmo4j_emulator_switch
  .type elmo4j_emulator_switch, @function
elmo4j_emulator_switch:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
  .size elmo4j_emulator_switch, .-elmo4j_emulator_switch
)");
#elif defined(__aarch64__)
extern "C" void elmo4j_emulator_switch(void** from, void* to);
asm(R"(
  .text
  .globl elmo4j_emulator_switch
  .hidden elmo4j_emulator_switch
  .type elmo4j_emulator_switch, %function
elmo4j_emulator_switch:
  sub sp, sp, #160
  stp x19, x20, [sp]
  stp x21, x22, [sp, #16]
  stp x23, x24, [sp, #32]
  stp x25, x26, [sp, #48]
  stp x27, x28, [sp, #64]
  stp x29, x30, [sp, #80]
  stp d8, d9, [sp, #96]
  stp d10, d11, [sp, #112]
  stp d12, d13, [sp, #128]
  stp d14, d15, [sp, #144]
  mov x9, sp
  str x9, [x0]
  mov sp, x1
  ldp x19, x20, [sp]
  ldp x21, x22, [sp, #16]
  ldp x23, x24, [sp, #32]
  ldp x25, x26, [sp, #48]
  ldp x27, x28, [sp, #64]
  ldp x29, x30, [sp, #80]
  ldp d8, d9, [sp, #96]
  ldp d10, d11, [sp, #112]
  ldp d12, d13, [sp, #128]
  ldp d14, d15, [sp, #144]
  add sp, sp, #160
  ret
  .size elmo4j_emulator_switch, .-elmo4j_emulator_switch
)");
#else
#error "the emulator switches fibers on x86-64 and aarch64 alone"
#endif

#endif  // ELMO4J_EMULATOR_FIBER_SWITCH_H_
