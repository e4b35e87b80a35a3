// Counts what is taken from the heap, by anybody in this process: C++, OpenSSL, another library.
// Include in exactly one source file of a binary; not together with a sanitizer.
#pragma once

#include <cstddef>
#include <cstdint>

extern "C" {
void* __libc_malloc(std::size_t);
void* __libc_calloc(std::size_t, std::size_t);
void* __libc_realloc(void*, std::size_t);

inline thread_local std::uint64_t heap_allocations = 0;

void* malloc(std::size_t n) noexcept {
  ++heap_allocations;
  return __libc_malloc(n);
}
void* calloc(std::size_t n, std::size_t each) noexcept {
  ++heap_allocations;
  return __libc_calloc(n, each);
}
void* realloc(void* p, std::size_t n) noexcept {
  ++heap_allocations;
  return __libc_realloc(p, n);
}
}
