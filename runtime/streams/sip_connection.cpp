#include "runtime/streams/sip_connection.hpp"

#include <utility>
#include <variant>

namespace holdfast::runtime {

namespace {

constexpr std::size_t read_bytes = 16 * 1024;

} // namespace

sip_connection::sip_connection(std::shared_ptr<byte_stream> stream, flow is, sip::keep_alive side,
                               connection_keeper& keeper, const stream_limits& limits)
    : stream_{std::move(stream)},
      is_{std::move(is)},
      keeper_{keeper},
      limits_{limits},
      framing_{side},
      since_{clock::now()},
      heard_{since_} {}

void sip_connection::start() {
  stream_->handshake([self = shared_from_this()](byte_stream::error bad) {
    if (self->closed_) return;
    if (bad) return self->close("handshake failed");
    self->open_ = true;
    self->heard_ = self->since_ = clock::now();
    self->read();
    self->write();
  });
}

bool sip_connection::send(std::string bytes, std::string ticket) {
  if (closed_) return false;
  if (unsent_bytes_ + bytes.size() > limits_.unsent_bytes) {
    close("it takes nothing of what is sent");
    return false;
  }
  unsent_bytes_ += bytes.size();
  unsent_.push_back({std::move(bytes), std::move(ticket)});
  write();
  return true;
}

void sip_connection::read() {
  if (closed_ || paused_ || reading_ || unsent_bytes_ > limits_.deaf_bytes) return;
  reading_ = true;
  buffer_.resize(stream_->keeps_boundaries() ? sip::message_size_max : read_bytes);
  stream_->read_some(buffer_, [self = shared_from_this()](byte_stream::error bad, std::size_t n) {
    self->reading_ = false;
    if (self->closed_) return;
    if (bad) return self->close("the other end closed");
    self->heard_ = clock::now();
    self->take({self->buffer_.data(), n});
    self->read();
  });
}

void sip_connection::read_on() {
  if (!paused_) return;
  paused_ = false;
  heard_ = clock::now();
  if (message_began_) message_began_ = heard_; // the wait was ours
  read();
}

void sip_connection::take(std::string_view bytes) {
  std::vector<actors::stream_message> messages;
  if (bytes == sip::ping_bytes && stream_->keeps_boundaries())
    (void)send(std::string{sip::pong_bytes}, {}); // RFC 7118 6
  else if (stream_->keeps_boundaries())
    messages.push_back({is_, std::string{bytes}});
  else
    take_stream(bytes, messages);
  if (messages.empty()) return;
  had_message_ = true;
  paused_ = !keeper_.arrived(std::move(messages));
}

void sip_connection::take_stream(std::string_view bytes, std::vector<actors::stream_message>& out) {
  framing_.push(bytes);
  for (;;) {
    const auto next = framing_.next();
    if (const auto* message = std::get_if<sip::stream_message>(&next)) {
      out.push_back({is_, std::string{message->bytes}});
      message_began_.reset();
    } else if (std::holds_alternative<sip::ping>(next)) {
      (void)send(std::string{sip::pong_bytes}, {});
      message_began_.reset();
    } else if (std::holds_alternative<sip::pong>(next)) {
      message_began_.reset();
    } else if (const auto* bad = std::get_if<sip::broken>(&next)) {
      return close(bad->what);
    } else {
      const bool waits = framing_.unfinished();
      if (!waits)
        message_began_.reset();
      else if (!message_began_)
        message_began_ = heard_;
      return;
    }
  }
}

void sip_connection::write() {
  if (writing_ || closed_ || !open_ || unsent_.empty()) return;
  writing_ = true;
  write_began_ = clock::now();
  stream_->write(unsent_.front().bytes,
                 [self = shared_from_this()](byte_stream::error bad, std::size_t) {
                   self->writing_ = false;
                   if (self->closed_) return;
                   if (bad) return self->close("it could not be written to");
                   self->unsent_bytes_ -= self->unsent_.front().bytes.size();
                   self->unsent_.pop_front();
                   self->write();
                   self->read(); // it may have been too deaf to be heard
                 });
}

void sip_connection::close(std::string_view why) {
  if (closed_) return;
  closed_ = true;
  const auto self = shared_from_this(); // the keeper lets go of it
  std::vector<std::string> tickets;
  for (auto& each : unsent_)
    if (!each.ticket.empty()) tickets.push_back(std::move(each.ticket));
  stream_->close();
  keeper_.ended(*this, why, std::move(tickets));
}

void sip_connection::check(clock::time_point now) {
  if (closed_) return;
  if (!open_) {
    if (now - since_ > limits_.header) close("no handshake in time");
  } else if (writing_ && now - write_began_ > limits_.stalled) {
    close("it takes nothing of what is sent");
  } else if (paused_) {
    return;
  } else if (message_began_ && now - *message_began_ > limits_.message) {
    close("a message took too long");
  } else if (!had_message_ && now - since_ > limits_.first_message) {
    close("no message in time");
  } else if (now - heard_ > limits_.idle) {
    close("idle");
  }
}

} // namespace holdfast::runtime
