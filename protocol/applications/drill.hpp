// An application that fails on demand: for rehearsing what a bug does to one call and to no other.
//
// Off unless a rule has the setting drill_header = "X-Drill". Then a request with
//   X-Drill: throw            makes its handler throw, each time
//   X-Drill: throw-until:2    does so while the session has restarted less than twice
// It wraps the application that the rule chose; that one knows nothing of it.
#pragma once

#include "protocol/applications/application.hpp"

#include <memory>
#include <string>

namespace holdfast::applications {

inline constexpr const char* drill_setting = "drill_header";

class drill final : public application {
public:
  drill(std::unique_ptr<application> inner, std::string header)
      : inner_{std::move(inner)}, header_{std::move(header)} {}

  [[nodiscard]] std::unique_ptr<application> clone() const override {
    return std::make_unique<drill>(inner_->clone(), header_);
  }
  [[nodiscard]] std::string snapshot() const override { return inner_->snapshot(); }
  [[nodiscard]] bool proxies() const override { return inner_->proxies(); }

  void on_request(context& session, const incoming_request& request) override {
    rehearse(session, request.message);
    inner_->on_request(session, request);
  }
  void on_ack(context& session, dialog_id dialog, const sip::message& ack) override {
    rehearse(session, ack);
    inner_->on_ack(session, dialog, ack);
  }
  void on_response(context& session, const incoming_response& response) override {
    inner_->on_response(session, response);
  }
  void on_unacknowledged(context& session, dialog_id dialog) override {
    inner_->on_unacknowledged(session, dialog);
  }
  void on_cancel(context& session, transaction_id invite) override {
    inner_->on_cancel(session, invite);
  }
  void on_expired(context& session, dialog_id dialog) override {
    inner_->on_expired(session, dialog);
  }
  void on_timer(context& session, const std::string& name) override {
    inner_->on_timer(session, name);
  }
  void on_answered(context& session, const session::answered& reply) override {
    inner_->on_answered(session, reply);
  }
  std::string on_asked(context& session, const std::string& bytes) override {
    return inner_->on_asked(session, bytes);
  }

private:
  // Throws std::runtime_error if the message asks for it.
  void rehearse(const context& session, const sip::message& message) const;

  std::unique_ptr<application> inner_;
  std::string header_;
};

} // namespace holdfast::applications
