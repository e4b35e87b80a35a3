#include "simulations/plan/prose.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <sstream>
#include <stdexcept>

namespace holdfast::simulations {

namespace {

// What a fault does to whom: "NODE crashes for T". A word in capitals is read into the fault.
struct fault_sentence {
  fault_kind kind;
  std::string_view words;
};
constexpr std::array<fault_sentence, fault_kinds> fault_sentences{{
    {fault_kind::crash, "NODE crashes for LASTS"},
    {fault_kind::hang, "NODE hangs for LASTS"},
    {fault_kind::slow, "NODE is AMOUNT times slower for LASTS"},
    {fault_kind::cut, "NODE and OTHER are cut apart for LASTS"},
    {fault_kind::deaf, "NODE is deaf to OTHER for LASTS"},
    {fault_kind::isolate, "NODE is isolated for LASTS"},
    {fault_kind::loss, "AMOUNT % of the datagrams of clients are lost for LASTS"},
    {fault_kind::duplication, "AMOUNT % of the datagrams of clients are doubled for LASTS"},
    {fault_kind::lateness, "AMOUNT % of the datagrams of clients are late for LASTS"},
    {fault_kind::inside_loss, "AMOUNT % of the datagrams inside are lost for LASTS"},
    {fault_kind::ledger_slow, "the ledger is slow for LASTS"},
    {fault_kind::ledger_unreachable, "the ledger is unreachable for LASTS"},
    {fault_kind::ledger_forgetful, "the ledger forgets to answer for LASTS"},
    {fault_kind::strangers, "strangers send AMOUNT malformed messages for LASTS"},
    {fault_kind::drain, "NODE is drained for LASTS"},
    {fault_kind::replace, "NODE is drained and replaced after LASTS"},
    {fault_kind::move, "shard AMOUNT moves to NODE"},
    {fault_kind::crowd, "a crowd makes AMOUNT calls within LASTS"},
    {fault_kind::damage, "AMOUNT % of what NODE and OTHER say is damaged for LASTS"},
}};

std::string seconds(duration d) {
  auto text = std::to_string(d.count() / 1'000'000);
  if (auto rest = d.count() % 1'000'000; rest != 0) {
    auto digits = std::to_string(1'000'000 + rest).substr(1);
    while (digits.back() == '0') digits.pop_back();
    text += "." + digits;
  }
  return text + " s";
}

std::string plural(std::size_t n, const std::string& one, const std::string& many) {
  return std::to_string(n) + " " + (n == 1 ? one : many);
}

std::vector<std::string> words_of(std::string_view line) {
  std::vector<std::string> words;
  std::string word;
  for (const char c : line) {
    if (c == ' ' || c == '\t' || c == '\r' || c == ',') {
      if (!word.empty()) words.push_back(std::move(word));
      word.clear();
      if (c == ',') words.emplace_back(",");
    } else {
      word += c;
    }
  }
  if (!word.empty()) words.push_back(std::move(word));
  return words;
}

// Reads a line word by word; what does not fit throws the reason.
class reader {
public:
  explicit reader(std::string_view line) : words_{words_of(line)} {}

  [[nodiscard]] bool done() const { return next_ == words_.size(); }
  std::string word() {
    if (done()) throw std::invalid_argument("the line ends too early");
    return words_[next_++];
  }
  bool take(std::string_view phrase) {
    const auto wanted = words_of(phrase);
    if (next_ + wanted.size() > words_.size()
        || !std::equal(wanted.begin(), wanted.end(),
                       words_.begin() + static_cast<std::ptrdiff_t>(next_)))
      return false;
    next_ += wanted.size();
    return true;
  }
  void expect(std::string_view phrase) {
    if (!take(phrase))
      throw std::invalid_argument("expected '" + std::string{phrase} + "' "
                                  + (done() ? "at the end" : "before '" + words_[next_] + "'"));
  }
  template <class T = unsigned>
  T number() {
    const auto text = word();
    T value{};
    const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (code != std::errc{} || end != text.data() + text.size())
      throw std::invalid_argument("'" + text + "' is no number");
    return value;
  }
  duration time() {
    const auto text = word();
    double value = 0;
    const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (code != std::errc{} || end != text.data() + text.size() || value < 0)
      throw std::invalid_argument("'" + text + "' is no time");
    const double unit = take("ms") ? 1e3 : (expect("s"), 1e6);
    return duration{static_cast<std::int64_t>(value * unit + 0.5)};
  }
  [[nodiscard]] std::size_t place() const { return next_; }
  void back_to(std::size_t place) { next_ = place; }
  void expect_end() {
    if (!done()) throw std::invalid_argument("'" + words_[next_] + "' is not understood");
  }

private:
  std::vector<std::string> words_;
  std::size_t next_ = 0;
};

bool read_fault(reader& r, fault& f, const fault_sentence& sentence) {
  const auto began = r.place();
  for (const auto& word : words_of(sentence.words)) {
    if (word == "NODE")
      f.node = r.word();
    else if (word == "OTHER")
      f.other = r.word();
    else if (word == "AMOUNT")
      try {
        f.amount = r.number();
      } catch (const std::invalid_argument&) {
        r.back_to(began);
        return false;
      }
    else if (word == "LASTS")
      f.lasts = r.time();
    else if (!r.take(word)) {
      r.back_to(began);
      return false;
    }
  }
  f.kind = sentence.kind;
  return true;
}

void read_request(reader& r, call_plan& call) {
  in_call_request request;
  request.from = r.take("caller") ? side::caller : (r.expect("callee"), side::callee);
  r.expect("sends");
  request.method = r.word();
  r.expect("after");
  request.after = r.time();
  request.throws = r.take("which throws");
  call.requests.push_back(std::move(request));
}

call_plan read_call(reader& r, duration at) {
  call_plan call;
  call.at = at;
  call.number = r.number();
  r.expect("to");
  call.callee = r.word();
  r.expect("is made");
  while (r.take(",")) {
    if (r.take("answered after"))
      call.rings = r.time();
    else if (r.take("rejected with"))
      call.rejects = r.number<int>();
    else if (r.take("cancelled after"))
      call.cancels_after = r.time();
    else if (r.take("held for"))
      call.holds = r.time();
    else if (r.take("ended by the callee"))
      call.hangs_up = side::callee;
    else if (r.take("never acknowledged"))
      call.acknowledges = false;
    else if (r.take("which throws"))
      call.throws = true;
    else if (r.take("ringing reliably"))
      call.reliable = true;
    else if (r.take("refreshed every"))
      call.session_s = static_cast<std::uint32_t>(r.time() / 1s);
    else if (r.take("cut off after"))
      call.silent_after = r.time();
    else
      read_request(r, call);
  }
  return call;
}

void read_cluster(reader& r, cluster_plan& c) {
  do {
    if (r.take("supervised")) {
      c.supervised = true;
    } else if (r.take("unsupervised")) {
      c.supervised = false;
    } else if (r.take("timer T1")) {
      c.timer_t1 = r.time();
    } else if (r.take("at most")) {
      c.message_rate = r.number<std::uint32_t>();
      r.expect("messages a second");
    } else {
      const auto n = r.number<std::uint16_t>();
      if (r.take("proxies") || r.take("proxy"))
        c.proxies = n;
      else if (r.take("containers") || r.take("container"))
        c.containers = n;
      else if (r.take("shards") || r.take("shard"))
        c.shards = n;
      else if (r.take("replicas") || r.take("replica"))
        c.replicas = n;
      else
        throw std::invalid_argument("a cluster has proxies, containers, shards and replicas");
    }
  } while (r.take(","));
}

void read_at(reader& r, run_plan& plan) {
  const auto at = r.time();
  if (r.take("call")) {
    plan.calls.push_back(read_call(r, at));
    return;
  }
  for (const auto& sentence : fault_sentences) {
    fault f;
    f.at = at;
    if (!read_fault(r, f, sentence)) continue;
    plan.faults.push_back(std::move(f));
    return;
  }
  throw std::invalid_argument("there is no such fault");
}

void read_line(reader& r, run_plan& plan) {
  if (r.take("a cluster of")) {
    read_cluster(r, plan.cluster);
  } else if (r.take("seed")) {
    plan.seed = r.number<std::uint64_t>();
  } else if (r.take("at")) {
    read_at(r, plan);
  } else if (r.take("faults end after")) {
    plan.faults_end = r.time();
  } else if (r.take("the code acts unlikely at")) {
    plan.buggify = r.number();
    r.expect("of 1000 points");
  } else if (r.take("everybody waits for")) {
    plan.waits = r.time();
  } else if (r.take("no container dies at the end")) {
    plan.last_failover = false;
  } else if (r.take("the run ends when every call is forgotten")) {
    plan.to_the_end = true;
  } else if (r.take("every other process is of a later version")) {
    plan.cluster.mixed_versions = true;
  } else if (r.take("with the defect")) {
    plan.planted = r.word();
  } else {
    registration_plan who;
    who.user = r.word();
    r.expect("is registered for");
    who.expires_s = static_cast<std::uint32_t>(r.time() / 1s);
    who.watched = r.take("and watched");
    plan.registrations.push_back(std::move(who));
  }
  r.expect_end();
}

} // namespace

std::string_view name_of(fault_kind kind) {
  constexpr std::array<std::string_view, fault_kinds> names = {"crash",
                                                               "hang",
                                                               "slow",
                                                               "cut",
                                                               "deaf",
                                                               "isolate",
                                                               "loss",
                                                               "duplication",
                                                               "lateness",
                                                               "inside loss",
                                                               "ledger slow",
                                                               "ledger unreachable",
                                                               "ledger forgetful",
                                                               "strangers",
                                                               "drain",
                                                               "replace",
                                                               "move",
                                                               "crowd",
                                                               "damage"};
  return names[static_cast<std::size_t>(kind)];
}

std::string to_prose(const fault& f) {
  std::string text = "at " + seconds(f.at);
  for (const auto& word : words_of(fault_sentences[static_cast<std::size_t>(f.kind)].words))
    text += " "
            + (word == "NODE"     ? f.node
               : word == "OTHER"  ? f.other
               : word == "AMOUNT" ? std::to_string(f.amount)
               : word == "LASTS"  ? seconds(f.lasts)
                                  : word);
  return text;
}

std::string to_prose(const call_plan& call) {
  auto text = "at " + seconds(call.at) + " call " + std::to_string(call.number) + " to "
              + call.callee + " is made";
  if (call.rings > duration{}) text += ", answered after " + seconds(call.rings);
  if (call.rejects != 0) text += ", rejected with " + std::to_string(call.rejects);
  if (call.cancels_after) text += ", cancelled after " + seconds(*call.cancels_after);
  text += ", held for " + seconds(call.holds);
  if (call.hangs_up == side::callee) text += ", ended by the callee";
  if (!call.acknowledges) text += ", never acknowledged";
  if (call.throws) text += ", which throws";
  if (call.reliable) text += ", ringing reliably";
  if (call.session_s != 0) text += ", refreshed every " + std::to_string(call.session_s) + " s";
  if (call.silent_after) text += ", cut off after " + seconds(*call.silent_after);
  for (const auto& r : call.requests)
    text += std::string{", "} + (r.from == side::caller ? "caller" : "callee") + " sends "
            + r.method + " after " + seconds(r.after) + (r.throws ? " which throws" : "");
  return text;
}

std::string to_prose(const run_plan& plan) {
  const auto& c = plan.cluster;
  std::string text =
      "seed " + std::to_string(plan.seed) + "\na cluster of "
      + plural(c.proxies, "proxy", "proxies") + ", "
      + plural(c.containers, "container", "containers") + ", " + plural(c.shards, "shard", "shards")
      + ", " + plural(c.replicas, "replica", "replicas") + ", "
      + (c.supervised ? "supervised" : "unsupervised") + ", timer T1 " + seconds(c.timer_t1);
  if (c.message_rate != 0)
    text += ", at most " + std::to_string(c.message_rate) + " messages a second";
  text += "\n";
  for (const auto& r : plan.registrations)
    text += r.user + " is registered for " + std::to_string(r.expires_s) + " s"
            + (r.watched ? " and watched\n" : "\n");
  for (const auto& call : plan.calls) text += to_prose(call) + "\n";
  for (const auto& f : plan.faults) text += to_prose(f) + "\n";
  text += "faults end after " + seconds(plan.faults_end) + "\n";
  if (plan.buggify > 0)
    text += "the code acts unlikely at " + std::to_string(plan.buggify) + " of 1000 points\n";
  if (plan.waits > duration{}) text += "everybody waits for " + seconds(plan.waits) + "\n";
  if (!plan.last_failover) text += "no container dies at the end\n";
  if (plan.to_the_end) text += "the run ends when every call is forgotten\n";
  if (plan.cluster.mixed_versions) text += "every other process is of a later version\n";
  if (!plan.planted.empty()) text += "with the defect " + plan.planted + "\n";
  return text;
}

result<run_plan> read_prose(std::string_view text) {
  run_plan plan;
  plan.scenario = "file";
  std::istringstream lines{std::string{text}};
  std::string line;
  for (int number = 1; std::getline(lines, line); ++number) {
    reader r{std::string_view{line}.substr(0, line.find('#'))};
    if (r.done()) continue;
    try {
      read_line(r, plan);
    } catch (const std::invalid_argument& e) {
      return fail("line " + std::to_string(number) + ": " + e.what());
    }
  }
  std::stable_sort(plan.faults.begin(), plan.faults.end(),
                   [](const fault& a, const fault& b) { return a.at < b.at; });
  return plan;
}

} // namespace holdfast::simulations
