// An exercise as a value: user agents, their alarms, and the script. Datagrams and the time come
// in, datagrams and one order (now the fault) come out; sockets are somebody else's.
//
//   registering -> calling --all established--> settling -> fault --probes, BYEs--+
//                     |                                                           v
//                     +------------- without a fault ----------> lingering -> unregistering -> done
#pragma once

#include "runtime/exercise/call_end.hpp"
#include "runtime/exercise/plan.hpp"
#include "runtime/exercise/registration.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <queue>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace holdfast::exercise {

// What a run leaves to the judge.
struct evidence {
  std::vector<call_log> calls;
  std::optional<instant> fault_at;
  std::vector<std::string> strays; // messages that belong to no call of this run
  std::vector<std::string> registration_complaints;
  sip::timer_values timers;
  bool timed_out = false;
};

struct outgoing {
  party from = party::caller;
  flow to;
  std::string bytes;
};

class run {
public:
  explicit run(plan p);
  run(const run&) = delete; // ends refer to the settings here
  run& operator=(const run&) = delete;

  void start(instant now);
  void receive(party at, const flow& source, std::string_view bytes, instant now);
  void tick(instant now); // everything that is due
  [[nodiscard]] std::optional<instant> next_deadline() const;

  [[nodiscard]] std::vector<outgoing> take_outgoing();
  // True once: the fault is to begin now.
  [[nodiscard]] bool take_fault_order();
  void fault_command_ended();

  [[nodiscard]] bool finished() const { return phase_ == phase::done; }
  // Why nothing could be exercised at all; empty: it could.
  [[nodiscard]] const std::string& obstacle() const { return obstacle_; }
  [[nodiscard]] const evidence& seen() const { return evidence_; }
  [[nodiscard]] std::string progress() const; // one line

private:
  enum class phase : std::uint8_t {
    idle,
    registering,
    calling,
    settling,
    faulted,
    lingering,
    unregistering,
    done
  };
  enum class owner : std::uint8_t { caller, callee, registration, script };
  enum class cue : std::uint8_t {
    ask,
    place,
    probe,
    hang_up,
    rescue,
    fault,
    leave,
    finish,
    silence,
    give_up
  };

  struct due {
    alarm what;
    owner whose = owner::script;
    std::uint32_t index = 0;
    std::uint64_t order = 0;

    friend bool operator>(const due& a, const due& b) {
      return a.what.at != b.what.at ? a.what.at > b.what.at : a.order > b.order;
    }
  };

  struct call {
    std::optional<call_end> caller;
    std::optional<call_end> callee;
    bool up = false;
    bool over = false;
    bool hang_up_due = false;          // waits for a request that is under way
    std::optional<instant> half_since; // one end is in the call, the other is not
  };

  // wire
  void receive_known(party at, std::uint32_t index, const sip::message& m, const flow& source,
                     instant now);
  void receive_unknown(party at, const sip::message& m, const flow& source, instant now);
  bool receive_invitation(const sip::message& m, const flow& source, instant now);
  void reply(party at, const sip::message& request, int status, const flow& source, call_log* log,
             instant now);
  void flush(party who, std::uint32_t index, step& s, instant now);
  void flush_registration(std::uint32_t index, step& s);

  // script
  void fire(const due& d, instant now);
  void on_cue(cue c, std::uint32_t index, instant now);
  void at(instant when, cue c, std::uint32_t index = 0);
  void begin_calling(instant now);
  void place(std::uint32_t index, instant now);
  void probe(std::uint32_t index, instant now);
  void hang_up(std::uint32_t index, instant now);
  void rescue(std::uint32_t index, instant now);
  void begin_fault(instant now);
  void on_change(std::uint32_t index, instant now); // of a call's state
  void advance(instant now);
  void advance_registration(instant now);
  void conclude();
  void stop(std::string why);
  [[nodiscard]] end_traits traits(std::uint32_t index, party who) const;
  [[nodiscard]] party prober(std::uint32_t index) const;
  [[nodiscard]] party ender(std::uint32_t index) const;
  [[nodiscard]] std::string uri_of(std::uint32_t index) const;
  [[nodiscard]] std::string_view probe_method(std::uint32_t index) const;
  [[nodiscard]] call_end* end_of(std::uint32_t index, party who);

  plan plan_;
  end_settings caller_settings_;
  end_settings callee_settings_;
  name_source names_;
  evidence evidence_;
  std::vector<call> calls_;
  std::vector<registration> registrations_;
  std::unordered_map<std::string, std::uint32_t> caller_index_; // by Call-ID
  std::unordered_map<std::string, std::uint32_t> callee_index_;
  std::unordered_map<std::string, std::uint32_t> registration_index_;
  std::priority_queue<due, std::vector<due>, std::greater<>> timetable_;
  std::vector<outgoing> outgoing_;
  std::string obstacle_;
  std::uint64_t order_ = 0;
  std::uint32_t placed_ = 0;
  std::uint32_t up_ = 0;      // established now
  std::uint32_t settled_ = 0; // of the first calls: established or over, once
  std::uint32_t over_ = 0;
  phase phase_ = phase::idle;
  bool heard_ = false;
  bool fault_ordered_ = false;
  bool fault_running_ = false;
};

} // namespace holdfast::exercise
