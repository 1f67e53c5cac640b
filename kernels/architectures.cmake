# SPDX-FileCopyrightText: 2026 The elmo4j authors
# SPDX-License-Identifier: Apache-2.0

# The architectures in use that CUDA 13 supports, from Turing to Blackwell, and PTX for newer ones.
set(ELMO4J_ALL_ARCHITECTURES 75-real 80-real 86-real 89-real 90a-real 100-real 120-real 90-virtual)

# Resolves an empty list to all architectures, and `native` to those of the GPUs that nvidia-smi
# lists. CMake's own `native` selects 90 for Hopper, whose code has no wgmma, and fails if there is
# a driver but no GPU.
function(elmo4j_cuda_architectures result requested)
  if(requested STREQUAL "native")
    set(requested "")
    find_program(ELMO4J_NVIDIA_SMI nvidia-smi HINTS /usr/local/nvidia/bin)
    if(ELMO4J_NVIDIA_SMI)
      execute_process(COMMAND "${ELMO4J_NVIDIA_SMI}" --query-gpu=compute_cap --format=csv,noheader
                      OUTPUT_VARIABLE found RESULT_VARIABLE status ERROR_QUIET TIMEOUT 30)
      if(status EQUAL 0 AND found MATCHES "^[0-9]+\\.[0-9][ \t\r\n]")
        string(REGEX MATCHALL "[0-9]+\\.[0-9]" capabilities "${found}")
        foreach(capability IN LISTS capabilities)
          string(REPLACE "." "" capability "${capability}")
          if(capability STREQUAL "90")
            set(capability 90a)
          endif()
          list(APPEND requested ${capability}-real)
        endforeach()
        list(REMOVE_DUPLICATES requested)
      endif()
    endif()
    if(NOT requested)
      message(STATUS "nvidia-smi lists no GPU: compiling the CUDA kernels for every architecture")
    endif()
  endif()
  if(NOT requested)
    set(requested ${ELMO4J_ALL_ARCHITECTURES})
  endif()
  set(${result} "${requested}" PARENT_SCOPE)
endfunction()
