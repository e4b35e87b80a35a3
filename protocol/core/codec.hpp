// The tagged codec: one wire form for frames, snapshots and spawn arguments, so that versions N
// and N+1 understand each other (design, "Links").
//
//   field   = varint(tag * 2 + kind), then  kind 0: varint value
//                                           kind 1: varint length, bytes
//   message = field*            a repeated field is a list; an absent one keeps its default
//
// A type says once what its fields are:
//
//   struct lease { shard_id shard; std::uint64_t ticks; unknown_fields unknown; };
//   template <class F> void describe(F& f, lease& x) { f(1, x.shard); f(2, x.ticks); f(x.unknown);
//   }
//
// encode(x) and decode<lease>(bytes) follow from it. Tags are never reused. A type that crosses
// versions and is passed on keeps what it does not know in an unknown_fields member.
// Decoding never trusts a length: what does not fit is an error, and nothing is allocated for it.
#pragma once

#include "protocol/core/result.hpp"
#include "protocol/core/time.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace holdfast {

// Fields of a newer version, verbatim, in the order they came.
struct unknown_fields {
  std::string bytes;

  friend bool operator==(const unknown_fields&, const unknown_fields&) = default;
};

namespace codec {

inline void put_varint(std::string& out, std::uint64_t value) {
  while (value >= 0x80) {
    out.push_back(static_cast<char>(value | 0x80));
    value >>= 7;
  }
  out.push_back(static_cast<char>(value));
}

// Consumes a varint from the front of `in`; nullopt when it is cut short or exceeds 64 bits.
[[nodiscard]] std::optional<std::uint64_t> take_varint(std::string_view& in);

struct field {
  std::uint64_t tag = 0;
  bool is_bytes = false;
  std::uint64_t number = 0; // kind 0
  std::string_view bytes;   // kind 1; a view into the message
  std::string_view raw;     // the whole field as it stood
};

// Consumes the next field; an error when the message is malformed there.
[[nodiscard]] result<field> take_field(std::string_view& in);

template <class T>
struct is_vector : std::false_type {};
template <class T>
struct is_vector<std::vector<T>> : std::true_type {};
template <class T>
struct is_optional : std::false_type {};
template <class T>
struct is_optional<std::optional<T>> : std::true_type {};
template <class T>
struct is_map : std::false_type {};
template <class K, class V>
struct is_map<std::map<K, V>> : std::true_type {};

template <class T>
concept strong = requires(T x) {
  x.value;
}
&&std::is_integral_v<decltype(T::value)>;

template <class T>
concept number =
    std::is_integral_v<T> || std::is_enum_v<T> || strong<T> || std::is_same_v<T, duration>;

constexpr std::uint64_t zigzag(std::int64_t n) {
  return (static_cast<std::uint64_t>(n) << 1) ^ static_cast<std::uint64_t>(n >> 63);
}
constexpr std::int64_t unzigzag(std::uint64_t n) {
  return static_cast<std::int64_t>(n >> 1) ^ -static_cast<std::int64_t>(n & 1);
}

template <number T>
std::uint64_t to_number(const T& x) {
  if constexpr (std::is_same_v<T, duration>)
    return zigzag(x.count());
  else if constexpr (std::is_enum_v<T>)
    return to_number(static_cast<std::underlying_type_t<T>>(x));
  else if constexpr (strong<T>)
    return static_cast<std::uint64_t>(x.value);
  else if constexpr (std::is_signed_v<T>)
    return zigzag(x);
  else
    return static_cast<std::uint64_t>(x);
}

template <number T>
bool from_number(std::uint64_t n, T& x) {
  if constexpr (std::is_same_v<T, duration>) {
    x = duration{unzigzag(n)};
    return true;
  } else if constexpr (std::is_enum_v<T>) {
    std::underlying_type_t<T> raw{};
    if (!from_number(n, raw)) return false;
    x = static_cast<T>(raw);
    return true;
  } else if constexpr (strong<T>) {
    return from_number(n, x.value);
  } else if constexpr (std::is_same_v<T, bool>) {
    x = n != 0;
    return n <= 1;
  } else if constexpr (std::is_signed_v<T>) {
    const auto value = unzigzag(n);
    x = static_cast<T>(value);
    return static_cast<std::int64_t>(x) == value;
  } else {
    x = static_cast<T>(n);
    return static_cast<std::uint64_t>(x) == n;
  }
}

// Nothing in this version: see later_version.cpp.
void add_later_fields(std::string& message);

class writer {
public:
  template <class T>
  void operator()(std::uint64_t tag, T& x) {
    using value = std::remove_const_t<T>;
    if constexpr (is_vector<value>::value) {
      for (auto& item : x) one(tag, item);
    } else if constexpr (is_map<value>::value) {
      for (auto& [key, mapped] : x) pair(tag, key, mapped);
    } else if constexpr (is_optional<value>::value) {
      if (x) one(tag, *x);
    } else {
      one(tag, x);
    }
  }
  void operator()(unknown_fields& x) { out_ += x.bytes; }

  [[nodiscard]] std::string take() { return std::move(out_); }

private:
  template <class T>
  void one(std::uint64_t tag, T& x) {
    using value = std::remove_const_t<T>;
    if constexpr (number<value>) {
      put_varint(out_, tag * 2);
      put_varint(out_, to_number(x));
    } else if constexpr (std::is_same_v<value, std::string>) {
      put_varint(out_, tag * 2 + 1);
      put_varint(out_, x.size());
      out_ += x;
    } else {
      // describe() serves both directions; a writer only reads
      nested(tag, [&] { describe(*this, const_cast<value&>(x)); });
    }
  }
  template <class K, class V>
  void pair(std::uint64_t tag, const K& key, V& mapped) {
    nested(tag, [&] {
      one(1, const_cast<K&>(key));
      one(2, mapped);
    });
  }
  // Written in place: one byte is left for the length, which moves what follows where it needs
  // more.
  template <class Fields>
  void nested(std::uint64_t tag, Fields write) {
    put_varint(out_, tag * 2 + 1);
    const auto place = out_.size();
    out_.push_back(0);
    write();
    close(place);
  }
  void close(std::size_t place); // the length of what was written since

  std::string out_;
};

// Offers one field of a message to a value; describe() calls it once per field of the type.
class matcher {
public:
  explicit matcher(const field& f) : field_{f} {}

  template <class T>
  void operator()(std::uint64_t tag, T& x) {
    if (tag != field_.tag) return;
    taken_ = true;
    if constexpr (is_vector<T>::value) {
      typename T::value_type item{};
      if (one(item)) x.push_back(std::move(item));
    } else if constexpr (is_map<T>::value) {
      pair(x);
    } else if constexpr (is_optional<T>::value) {
      typename T::value_type item{};
      if (one(item)) x = std::move(item);
    } else {
      one(x);
    }
  }
  void operator()(unknown_fields& x) { unknown_ = &x; }

  // Keeps the field as unknown where the type wants that; false when it did not fit its type.
  [[nodiscard]] bool finish() {
    if (!taken_ && unknown_ != nullptr) unknown_->bytes += field_.raw;
    return fits_;
  }

private:
  template <class T>
  bool one(T& x);
  template <class K, class V>
  void pair(std::map<K, V>& x);

  const field& field_;
  unknown_fields* unknown_ = nullptr;
  bool taken_ = false;
  bool fits_ = true;
};

template <class T>
bool read(std::string_view in, T& x) {
  while (!in.empty()) {
    const auto next = take_field(in);
    if (!next) return false;
    matcher m{*next};
    describe(m, x);
    if (!m.finish()) return false;
  }
  return true;
}

template <class T>
bool matcher::one(T& x) {
  if constexpr (number<T>) {
    fits_ = !field_.is_bytes && from_number(field_.number, x);
  } else if constexpr (std::is_same_v<T, std::string>) {
    fits_ = field_.is_bytes;
    if (fits_) x.assign(field_.bytes);
  } else {
    fits_ = field_.is_bytes && read(field_.bytes, x);
  }
  return fits_;
}

// A map entry in flight: field 1 is the key, field 2 the value.
template <class K, class V>
struct entry {
  K key{};
  V mapped{};
};
template <class F, class K, class V>
void describe(F& f, entry<K, V>& x) {
  f(1, x.key);
  f(2, x.mapped);
}

template <class K, class V>
void matcher::pair(std::map<K, V>& x) {
  entry<K, V> item;
  fits_ = field_.is_bytes && read(field_.bytes, item);
  if (fits_) x.insert_or_assign(std::move(item.key), std::move(item.mapped));
}

} // namespace codec

// What every node of every version writes alike: for digests that two nodes compare. A field that a
// later version adds to such a type is optional and absent by default.
template <class T>
[[nodiscard]] std::string encode_alike(const T& x) {
  codec::writer w;
  describe(w, const_cast<T&>(x)); // see writer::one
  return w.take();
}

template <class T>
[[nodiscard]] std::string encode(const T& x) {
  auto bytes = encode_alike(x);
  codec::add_later_fields(bytes);
  return bytes;
}

// Error: the bytes are cut short, or a field does not fit its type. The input is never trusted.
template <class T>
[[nodiscard]] result<T> decode(std::string_view bytes) {
  T x{};
  if (!codec::read(bytes, x)) return fail("malformed bytes for the tagged codec");
  return x;
}

} // namespace holdfast
