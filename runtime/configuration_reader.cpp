// TOML -> configuration. A problem never hides the next one: what is wrong keeps its default, and
// reading goes on. What to write instead is part of every message.
#include "runtime/configuration_keys.hpp"

// toml++ is used in this file alone.
#define TOML_HEADER_ONLY 1
#include <toml++/toml.h>

#include <algorithm>
#include <fstream>
#include <limits>
#include <optional>
#include <set>
#include <sstream>

namespace holdfast::runtime {
namespace {

// Levenshtein distance: "shard" and "shards" are 1 apart.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j < row.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    auto diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const auto substituted = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({substituted, row[j] + 1, row[j - 1] + 1});
    }
  }
  return row[b.size()];
}

std::string joined(const std::vector<std::string>& words) {
  std::string out;
  for (const auto& word : words) out += (out.empty() ? "" : ", ") + word;
  return out;
}

// "shards (did you mean that?)", or the whole list when nothing is near.
std::string nearest(std::string_view word, const std::vector<std::string>& known) {
  const auto best = std::min_element(known.begin(), known.end(), [&](auto& a, auto& b) {
    return distance(word, a) < distance(word, b);
  });
  if (best == known.end()) return "nothing: there are no keys here";
  if (distance(word, *best) <= std::max<std::size_t>(2, word.size() / 3))
    return *best + " (did you mean that?)";
  return "one of " + joined(known);
}

std::string type_name(const toml::node& node) {
  switch (node.type()) {
  case toml::node_type::table:
    return "a table";
  case toml::node_type::array:
    return "a list";
  case toml::node_type::string:
    return "a text";
  case toml::node_type::integer:
    return "a whole number";
  case toml::node_type::floating_point:
    return "a number with a fraction";
  case toml::node_type::boolean:
    return "true or false";
  default:
    return "a date or time";
  }
}

class read_visitor {
public:
  read_visitor(const toml::table& root, std::string file) : root_{root}, file_{std::move(file)} {}

  void section(std::string_view name) {
    sections_.emplace_back(name);
    keys_.emplace_back();
    label_ = '[' + std::string{name} + "] ";
    table_ = nullptr;
    const auto* node = root_.get(name);
    if (node == nullptr) return;
    table_ = node->as_table();
    if (table_ == nullptr)
      problem(*node, std::string{name} + " is " + type_name(*node) + ", not a section",
              '[' + std::string{name} + ']');
  }

  template <class Number>
  void operator()(std::string_view name, Number& value, std::int64_t lowest, std::int64_t highest) {
    const auto* node = find(name);
    if (node == nullptr) return;
    const auto fallback = std::string{name} + " = " + std::to_string(to_integer(value));
    const auto* number = node->as_integer();
    if (number == nullptr) {
      problem(*node,
              label_ + std::string{name} + " is " + type_name(*node) + ", not a whole number",
              fallback);
    } else if (number->get() < lowest || number->get() > highest) {
      problem(*node,
              label_ + std::string{name} + " is " + std::to_string(number->get()) + ", outside of "
                  + std::to_string(lowest) + " to " + std::to_string(highest),
              fallback);
    } else {
      value = from_integer<Number>(number->get());
    }
  }

  void operator()(std::string_view name, std::string& value) {
    if (const auto* node = find(name)) {
      if (const auto text = text_of(name, *node)) value = *text;
    }
  }

  void operator()(std::string_view name, std::filesystem::path& value) {
    const auto* node = find(name);
    if (node == nullptr) return;
    const auto text = text_of(name, *node);
    if (!text) return;
    if (text->empty() && value.empty()) return; // none, which is the default
    if (text->empty())
      problem(*node, label_ + std::string{name} + " is empty",
              std::string{name} + " = \"" + value.string() + '"');
    else
      value = *text;
  }

  void operator()(std::string_view name, endpoint& value) {
    const auto* node = find(name);
    if (node == nullptr) return;
    const auto text = text_of(name, *node);
    if (!text) return;
    const auto fallback = value.host.empty() ? "\"192.0.2.1:5060\"" : '"' + to_string(value) + '"';
    if (text->empty() && value.host.empty()) return;
    const auto parsed = parse_endpoint(*text);
    if (!parsed)
      problem(*node, label_ + std::string{name} + " \"" + *text + "\": " + parsed.error().what,
              std::string{name} + " = " + fallback);
    else if (parsed->port == 0 && !text->ends_with(":0"))
      problem(*node, label_ + std::string{name} + " \"" + *text + "\" has no port",
              std::string{name} + " = \"" + *text + ':' + std::to_string(value.port) + '"');
    else if (parsed->port == 0 && name != "coordinator")
      problem(*node, label_ + std::string{name} + " \"" + *text + "\": 0 is no port to listen on",
              std::string{name} + " = " + fallback);
    else
      value = *parsed;
  }

  void operator()(std::string_view name, bool& value) {
    const auto* node = find(name);
    if (node == nullptr) return;
    if (const auto* truth = node->as_boolean())
      value = truth->get();
    else
      problem(*node, label_ + std::string{name} + " is " + type_name(*node) + ", not true or false",
              std::string{name} + (value ? " = true" : " = false"));
  }

  void operator()(std::string_view name, std::vector<std::string>& value) {
    const auto* node = find(name);
    if (node == nullptr) return;
    const auto example = std::string{name} + " = [\"...\"]";
    const auto* list = node->as_array();
    if (list == nullptr) {
      problem(*node,
              label_ + std::string{name} + " is " + type_name(*node) + ", not a list of texts",
              example);
      return;
    }
    std::vector<std::string> texts;
    for (const auto& item : *list) {
      if (const auto* text = item.as_string())
        texts.push_back(text->get());
      else
        problem(item, label_ + std::string{name} + " holds " + type_name(item) + ", not a text",
                example);
    }
    value = std::move(texts);
  }

  // Settings of an application, weights: texts, whole numbers and truth values, all kept as text.
  void operator()(std::string_view name, std::map<std::string, std::string>& value) {
    const auto* node = find(name);
    if (node == nullptr) return;
    const auto* table = node->as_table();
    if (table == nullptr) {
      problem(*node, label_ + std::string{name} + " is " + type_name(*node) + ", not a table",
              std::string{name} + " = { key = \"value\" }");
      return;
    }
    for (const auto& [key, item] : *table) {
      const std::string where{key.str()};
      if (const auto* text = item.as_string())
        value[where] = text->get();
      else if (const auto* number = item.as_integer())
        value[where] = std::to_string(number->get());
      else if (const auto* truth = item.as_boolean())
        value[where] = truth->get() ? "true" : "false";
      else
        problem(item, label_ + std::string{name} + ": " + where + " is " + type_name(item),
                where + " = \"...\"");
    }
  }

  template <class Choices>
  void one_of(std::string_view name, std::string& value, const Choices& choices) {
    const auto* node = find(name);
    if (node == nullptr) return;
    const auto text = text_of(name, *node);
    if (!text) return;
    const std::vector<std::string> known(choices.begin(), choices.end());
    if (std::find(known.begin(), known.end(), *text) != known.end())
      value = *text;
    else
      problem(*node, label_ + std::string{name} + " is \"" + *text + '"', nearest(*text, known));
  }

  // [[application]]: absent means the default rules; one that is there replaces them all.
  void applications(std::vector<application_entry>& value) {
    const auto* node = root_.get("application");
    if (node == nullptr) return;
    const auto* list = node->as_array();
    if (list == nullptr) {
      problem(*node, "application is " + type_name(*node) + ", not a list of tables",
              "[[application]]");
      return;
    }
    value.clear();
    std::set<std::string> names;
    for (const auto& item : *list) {
      application_entry entry;
      sections_.emplace_back("application");
      keys_.emplace_back();
      label_ = "[[application]] ";
      table_ = item.as_table();
      if (table_ == nullptr) {
        problem(item, "application holds " + type_name(item) + ", not a table", "[[application]]");
        continue;
      }
      describe_application_keys(*this, entry);
      unknown_keys(*table_, keys_.back(), label_);
      if (entry.name.empty())
        problem(item, "[[application]] without a name", "name = \"...\"");
      else if (!names.insert(entry.name).second)
        problem(item, "[[application]] name \"" + entry.name + "\" is there twice",
                "name = \"" + entry.name + "-2\"");
      if (entry.application.empty())
        problem(item, "[[application]] \"" + entry.name + "\" does not say which application",
                "application = \"b2bua\"");
      value.push_back(std::move(entry));
    }
  }

  std::vector<configuration_problem> finish() {
    for (std::size_t i = 0; i < sections_.size(); ++i) {
      if (sections_[i] == "application") continue;
      const auto* node = root_.get(sections_[i]);
      if (node != nullptr && node->is_table())
        unknown_keys(*node->as_table(), keys_[i], '[' + sections_[i] + "] ");
    }
    std::vector<std::string> known{"application"};
    for (const auto& name : sections_)
      if (name != "application") known.push_back(name);
    unknown_keys(root_, known, "");
    std::stable_sort(problems_.begin(), problems_.end(),
                     [](const auto& a, const auto& b) { return a.line < b.line; });
    return std::move(problems_);
  }

private:
  static std::int64_t to_integer(milliseconds x) { return x.count(); }
  static std::int64_t to_integer(std::uint32_t x) { return x; }

  template <class Number>
  static Number from_integer(std::int64_t n) {
    return static_cast<Number>(n);
  }

  const toml::node* find(std::string_view name) {
    keys_.back().emplace_back(name);
    return table_ == nullptr ? nullptr : table_->get(name);
  }

  std::optional<std::string> text_of(std::string_view name, const toml::node& node) {
    if (const auto* text = node.as_string()) return text->get();
    problem(node, label_ + std::string{name} + " is " + type_name(node) + ", not a text",
            std::string{name} + " = \"...\"");
    return std::nullopt;
  }

  void unknown_keys(const toml::table& table, const std::vector<std::string>& known,
                    const std::string& label) {
    for (const auto& [key, node] : table) {
      if (std::find(known.begin(), known.end(), key.str()) != known.end()) continue;
      problems_.push_back(
          {file_, key.source().begin.line,
           label + "unknown " + (label.empty() ? "section " : "key ") + std::string{key.str()},
           nearest(key.str(), known)});
    }
  }

  void problem(const toml::node& node, std::string what, std::string instead) {
    problems_.push_back({file_, node.source().begin.line, std::move(what), std::move(instead)});
  }

  const toml::table& root_;
  std::string file_;
  std::string label_;                  // of the section, for messages
  const toml::table* table_ = nullptr; // of the section
  std::vector<std::string> sections_;
  std::vector<std::vector<std::string>> keys_; // per section, those that exist
  std::vector<configuration_problem> problems_;
};

template <>
milliseconds read_visitor::from_integer<milliseconds>(std::int64_t n) {
  return milliseconds{n};
}

} // namespace

read_outcome read_configuration(std::string_view text, const std::string& file) {
  read_outcome outcome;
  toml::table root;
  try {
    root = toml::parse(text, file);
  } catch (const toml::parse_error& e) {
    // TOML itself is broken: there is no second problem to look for.
    outcome.problems.push_back(
        {file, e.source().begin.line, std::string{e.description()}, "valid TOML (toml.io)"});
    return outcome;
  }
  read_visitor read{root, file};
  describe_keys(read, outcome.value);
  read.applications(outcome.value.applications);
  outcome.problems = read.finish();
  for (auto& problem : check_configuration(outcome.value, file))
    outcome.problems.push_back(std::move(problem));
  return outcome;
}

read_outcome read_configuration_file(const std::filesystem::path& file) {
  std::ifstream in{file, std::ios::binary};
  std::ostringstream text;
  if (in) text << in.rdbuf();
  if (!in || text.fail()) {
    read_outcome outcome;
    outcome.problems.push_back({file.string(), 0, "cannot be read", "the path of a TOML file"});
    return outcome;
  }
  return read_configuration(text.str(), file.string());
}

} // namespace holdfast::runtime
