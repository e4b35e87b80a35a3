#include "protocol/core/codec.hpp"

namespace holdfast::codec {

void writer::close(std::size_t place) {
  const auto length = out_.size() - place - 1;
  if (length < 0x80) {
    out_[place] = static_cast<char>(length);
    return;
  }
  std::string spelled;
  put_varint(spelled, length);
  out_.replace(place, 1, spelled);
}

std::optional<std::uint64_t> take_varint(std::string_view& in) {
  std::uint64_t value = 0;
  for (unsigned shift = 0; shift < 64 && !in.empty(); shift += 7) {
    const auto byte = static_cast<unsigned char>(in.front());
    in.remove_prefix(1);
    if (shift == 63 && byte > 1) return std::nullopt;
    value |= static_cast<std::uint64_t>(byte & 0x7f) << shift;
    if (byte < 0x80) return value;
  }
  return std::nullopt;
}

result<field> take_field(std::string_view& in) {
  const std::string_view start = in;
  const auto key = take_varint(in);
  if (!key) return fail("field key is cut short");
  field f{.tag = *key / 2, .is_bytes = *key % 2 == 1, .number = 0, .bytes = {}, .raw = {}};
  const auto number = take_varint(in);
  if (!number) return fail("field value is cut short");
  if (f.is_bytes) {
    if (*number > in.size()) return fail("field is longer than its message");
    f.bytes = in.substr(0, *number);
    in.remove_prefix(*number);
  } else {
    f.number = *number;
  }
  f.raw = start.substr(0, start.size() - in.size());
  return f;
}

} // namespace holdfast::codec
