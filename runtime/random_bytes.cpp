#include "runtime/random_bytes.hpp"

#include <openssl/rand.h>

#include <array>
#include <stdexcept>
#include <utility>

namespace holdfast::runtime {

namespace {

void fill(void* where, std::size_t count) {
  if (RAND_bytes(static_cast<unsigned char*>(where), static_cast<int>(count)) != 1)
    throw std::runtime_error("the system gives no random numbers");
}

} // namespace

std::string random_bytes(std::size_t count) {
  std::string bytes(count, '\0');
  fill(bytes.data(), count);
  return bytes;
}

std::uint64_t random_number() {
  thread_local std::array<std::uint64_t, 64> block;
  thread_local std::size_t left = 0;
  if (left == 0) {
    fill(block.data(), sizeof block);
    left = block.size();
  }
  return std::exchange(block[--left], 0); // spent: a core dump does not show it
}

} // namespace holdfast::runtime
