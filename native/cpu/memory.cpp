// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
//
// Allocates aligned and mapped memory (kernels.h) on each operating system.

#include <cstdlib>
#include <string>

#include "elmo4j/kernels.h"

#ifdef _WIN32
#define WIN32_LEAN_AND_MEAN
#include <malloc.h>
#include <windows.h>
#else
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>
#endif

namespace {

// bytes: 1 or more.
void* aligned(int64_t boundary, int64_t bytes) {
#ifdef _WIN32
  return _aligned_malloc(bytes, boundary);
#else
  void* memory = nullptr;
  return posix_memalign(&memory, boundary, bytes) == 0 ? memory : nullptr;
#endif
}

}  // namespace

void* elmo4j_alloc(int64_t bytes) {
  constexpr int64_t kHugePage = int64_t{1} << 21;
  if (bytes < 4 * kHugePage) {
    return aligned(64, bytes == 0 ? 64 : bytes);
  }
  void* memory = aligned(kHugePage, (bytes + kHugePage - 1) / kHugePage * kHugePage);
#ifdef __linux__
  if (memory) {
    madvise(memory, bytes, MADV_HUGEPAGE);
  }
#endif
  return memory;
}

void elmo4j_free(void* memory) {
#ifdef _WIN32
  _aligned_free(memory);
#else
  std::free(memory);
#endif
}

#ifdef _WIN32

namespace {

std::wstring wide(const char* utf8) {
  const int length = MultiByteToWideChar(CP_UTF8, 0, utf8, -1, nullptr, 0);
  std::wstring text(length > 0 ? length : 1, L'\0');
  MultiByteToWideChar(CP_UTF8, 0, utf8, -1, &text[0], length);
  return text;
}

}  // namespace

void* elmo4j_map(const char* folder, int64_t bytes) {
  wchar_t name[MAX_PATH];
  if (GetTempFileNameW(wide(folder).c_str(), L"elm", 0, name) == 0) {
    return nullptr;
  }
  // The mapping keeps the file open. The file is deleted when its last handle is closed.
  const HANDLE file =
      CreateFileW(name, GENERIC_READ | GENERIC_WRITE | DELETE, FILE_SHARE_DELETE, nullptr,
                  CREATE_ALWAYS, FILE_ATTRIBUTE_TEMPORARY | FILE_FLAG_DELETE_ON_CLOSE, nullptr);
  if (file == INVALID_HANDLE_VALUE) {
    DeleteFileW(name);
    return nullptr;
  }
  void* memory = nullptr;
  // Extends the file to that size. Fails if the disk has too little space.
  const HANDLE mapping =
      CreateFileMappingW(file, nullptr, PAGE_READWRITE, static_cast<DWORD>(bytes >> 32),
                         static_cast<DWORD>(bytes), nullptr);
  if (mapping != nullptr) {
    memory = MapViewOfFile(mapping, FILE_MAP_ALL_ACCESS, 0, 0, bytes);
    CloseHandle(mapping);
  }
  CloseHandle(file);
  return memory;
}

void* elmo4j_map_file(const char* path, int64_t bytes) {
  const HANDLE file = CreateFileW(wide(path).c_str(), GENERIC_READ,
                                  FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE, nullptr,
                                  OPEN_EXISTING, FILE_ATTRIBUTE_NORMAL, nullptr);
  if (file == INVALID_HANDLE_VALUE) {
    return nullptr;
  }
  void* memory = nullptr;
  LARGE_INTEGER size;
  if (GetFileSizeEx(file, &size) && size.QuadPart >= bytes) {
    const HANDLE mapping = CreateFileMappingW(file, nullptr, PAGE_READONLY, 0, 0, nullptr);
    if (mapping != nullptr) {
      memory = MapViewOfFile(mapping, FILE_MAP_READ, 0, 0, bytes);
      CloseHandle(mapping);
    }
  }
  CloseHandle(file);
  return memory;
}

void elmo4j_unmap(void* memory, int64_t) { UnmapViewOfFile(memory); }

#else

namespace {

// Reserves the space on the disk. If space were missing only when the memory is written, the
// process would end.
bool extend(int file, int64_t bytes) {
#ifdef __APPLE__
  fstore_t store = {F_ALLOCATEALL, F_PEOFPOSMODE, 0, bytes, 0};
  return fcntl(file, F_PREALLOCATE, &store) == 0 && ftruncate(file, bytes) == 0;
#else
  return posix_fallocate(file, 0, bytes) == 0;
#endif
}

}  // namespace

void* elmo4j_map(const char* folder, int64_t bytes) {
  std::string name = std::string(folder) + "/elmo4j-XXXXXX";
  const int file = mkstemp(&name[0]);
  if (file < 0) {
    return nullptr;
  }
  fcntl(file, F_SETFD, FD_CLOEXEC);
  unlink(name.c_str());
  void* memory = MAP_FAILED;
  if (extend(file, bytes)) {
    memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  }
  close(file);
  return memory == MAP_FAILED ? nullptr : memory;
}

void* elmo4j_map_file(const char* path, int64_t bytes) {
  const int file = open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) {
    return nullptr;
  }
  void* memory = MAP_FAILED;
  if (lseek(file, 0, SEEK_END) >= bytes) {
    memory = mmap(nullptr, bytes, PROT_READ, MAP_SHARED, file, 0);
  }
  close(file);
  return memory == MAP_FAILED ? nullptr : memory;
}

void elmo4j_unmap(void* memory, int64_t bytes) { munmap(memory, bytes); }

#endif
