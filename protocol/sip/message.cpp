#include "protocol/sip/message.hpp"

#include "protocol/sip/message_view.hpp"
#include "protocol/sip/text.hpp"

#include <algorithm>
#include <limits>

namespace holdfast::sip {

namespace {

// A lookup by compact form is one by the full name; anything else needs no table.
std::string_view full_name(std::string_view name) {
  if (name.size() != 1) return name;
  const auto known = header_name_of(name);
  return known == header_name::unknown ? name : to_string(known);
}

// Where the first comma-separated value of this line ends: the position of its comma, or npos.
std::size_t end_of_first(const header_field& line) {
  if (!is_list_header(line.name)) return std::string::npos;
  list_cursor cursor{line.value};
  std::string_view first, second;
  if (!cursor.next(first) || !cursor.next(second)) return std::string::npos;
  return line.value.find(',',
                         static_cast<std::size_t>(first.data() + first.size() - line.value.data()));
}

template <class Fields>
auto find_line(Fields& fields, std::string_view name) {
  const auto wanted = full_name(name);
  return std::find_if(fields.begin(), fields.end(),
                      [&](const header_field& h) { return text::same(h.name, wanted); });
}

result<std::vector<name_addr>> addresses(const message& m, std::string_view name) {
  std::vector<name_addr> out;
  for (const auto value : m.headers(name)) {
    auto one = parse_name_addr(value);
    if (!one) return tl::make_unexpected(one.error());
    out.push_back(std::move(*one));
  }
  return out;
}

result<name_addr> address(const message& m, std::string_view name) {
  const auto value = m.header(name);
  if (!value) return fail("no " + std::string{name});
  return parse_name_addr(*value);
}

bool forms_dialog(std::string_view method) {
  return method == "INVITE" || method == "SUBSCRIBE" || method == "REFER" || method == "NOTIFY";
}

void copy_all(const message& from, message& to, std::string_view name) {
  for (const auto& h : from.fields)
    if (text::same(h.name, name)) to.fields.push_back(h);
}

void copy_first(const message& from, message& to, std::string_view name) {
  if (const auto value = from.header(name))
    to.fields.push_back({std::string{name}, std::string{*value}});
}

} // namespace

std::string to_string(const cseq& c) {
  return std::to_string(c.number) + " " + c.method;
}

std::optional<std::string_view> message::header(std::string_view name) const {
  const auto it = find_line(fields, name);
  if (it == fields.end()) return std::nullopt;
  return it->value;
}

std::vector<std::string_view> message::headers(std::string_view name) const {
  std::vector<std::string_view> out;
  const auto wanted = full_name(name);
  const bool list = is_list_header(wanted);
  for (const auto& h : fields) {
    if (!text::same(h.name, wanted)) continue;
    if (!list) {
      out.push_back(h.value);
    } else if (!h.value.empty()) {
      const auto values = split_list(h.value);
      out.insert(out.end(), values.begin(), values.end());
    }
  }
  return out;
}

void message::set(std::string_view name, std::string value) {
  const auto it = find_line(fields, name);
  if (it == fields.end()) {
    add(name, std::move(value));
    return;
  }
  it->value = std::move(value);
  const auto wanted = full_name(name);
  fields.erase(std::remove_if(std::next(it), fields.end(),
                              [&](const header_field& h) { return text::same(h.name, wanted); }),
               fields.end());
}

void message::add(std::string_view name, std::string value) {
  fields.push_back({canonical_header_name(name), std::move(value)});
}

void message::prepend(std::string_view name, std::string value) {
  auto it = find_line(fields, name);
  if (it == fields.end()) it = fields.begin();
  fields.insert(it, header_field{canonical_header_name(name), std::move(value)});
}

void message::remove(std::string_view name) {
  const auto wanted = full_name(name);
  std::erase_if(fields, [&](const header_field& h) { return text::same(h.name, wanted); });
}

bool message::remove_first(std::string_view name) {
  const auto it = find_line(fields, name);
  if (it == fields.end()) return false;
  const auto comma = end_of_first(*it);
  if (comma == std::string::npos)
    fields.erase(it);
  else
    it->value = std::string{text::trim(std::string_view{it->value}.substr(comma + 1))};
  return true;
}

bool message::replace_first(std::string_view name, std::string_view value) {
  const auto it = find_line(fields, name);
  if (it == fields.end()) return false;
  const auto comma = end_of_first(*it);
  it->value.replace(0, comma, value);
  return true;
}

result<via> message::top_via() const {
  const auto line = header("Via");
  if (!line) return fail("no Via");
  return parse_via(split_list(*line).front());
}

result<cseq> message::cseq() const {
  const auto value = header("CSeq");
  if (!value) return fail("no CSeq");
  return copied(view_cseq(*value), [](const cseq_view& v) {
    return sip::cseq{v.number, std::string{v.method}};
  });
}

std::string message::call_id() const {
  return std::string{header("Call-ID").value_or("")};
}
result<name_addr> message::from() const {
  return address(*this, "From");
}
result<name_addr> message::to() const {
  return address(*this, "To");
}

std::string message::from_tag() const {
  const auto a = from();
  return a ? a->tag() : std::string{};
}

std::string message::to_tag() const {
  const auto a = to();
  return a ? a->tag() : std::string{};
}

result<std::vector<name_addr>> message::contacts() const {
  return addresses(*this, "Contact");
}
result<std::vector<name_addr>> message::routes() const {
  return addresses(*this, "Route");
}
result<std::vector<name_addr>> message::record_routes() const {
  return addresses(*this, "Record-Route");
}

std::optional<std::uint32_t> message::max_forwards() const {
  const auto number = text::to_number_saturated(header("Max-Forwards").value_or(""));
  if (!number) return std::nullopt;
  return std::min(*number, 255U); // RFC 3261 20.22: an integer in 0..255
}

std::optional<std::uint32_t> message::expires() const {
  return text::to_number_saturated(header("Expires").value_or(""));
}

void message::set_to_tag(std::string_view tag) {
  const auto it = find_line(fields, "To");
  if (it == fields.end()) return;
  const auto parsed = parse_name_addr(it->value);
  if (parsed && parsed->tag().empty()) it->value += ";tag=" + std::string{tag};
}

message make_response(const message& request, int status, std::string_view reason,
                      std::string_view to_tag) {
  message out;
  out.status = status;
  out.reason = std::string{reason.empty() ? default_reason(status) : reason};
  copy_all(request, out, "Via");
  if (status > 100 && status < 300 && forms_dialog(request.method))
    copy_all(request, out, "Record-Route");
  copy_first(request, out, "From");
  copy_first(request, out, "To");
  copy_first(request, out, "Call-ID");
  copy_first(request, out, "CSeq");
  if (status == 100)
    copy_first(request, out, "Timestamp");
  else if (!to_tag.empty())
    out.set_to_tag(to_tag);
  return out;
}

} // namespace holdfast::sip
