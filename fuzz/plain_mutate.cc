// What mutators of our own call where libFuzzer, which has the like, is not linked.
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <random>

// One byte changed, and perhaps one put in or taken out.
extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t most) {
  static std::mt19937 random(1);
  if (size == 0 && most != 0) data[size++] = 0;
  if (size == 0) return 0;
  const std::size_t at = random() % size;
  switch (random() % 4) {
    case 0:
      if (size < most) {
        std::memmove(data + at + 1, data + at, size - at);
        ++size;
      }
      break;
    case 1:
      if (size > 1) {
        std::memmove(data + at, data + at + 1, size - at - 1);
        --size;
      }
      break;
    default:
      break;
  }
  data[random() % size] = static_cast<std::uint8_t>(random());
  return size;
}
