#include "runtime/cluster_backend.hpp"

#include "runtime/console/cluster_views.hpp"
#include "runtime/console/pictures.hpp"
#include "runtime/console/questions.hpp"

#include <boost/json.hpp>

#include <utility>

namespace holdfast::runtime {

namespace json = boost::json;
using cluster::cluster_facts;

namespace {

class cluster_backend final : public console_backend {
public:
  explicit cluster_backend(caf::actor inspector)
      : inspector_{std::move(inspector)}, views_{std::make_shared<cluster_views>(inspector_)} {}

  void ready(done reply) override {
    ask_cluster(inspector_, [reply](const cluster_facts& c) {
      if (c.ready)
        reply({200, R"({"ready": true})"});
      else
        reply({503, json::serialize(json::object{{"ready", false}, {"reason", c.why_not_ready}})});
    });
  }
  void members(done reply) override {
    ask_cluster(inspector_, [reply](const cluster_facts& c) {
      reply({200, json::serialize(members_json(c))});
    });
  }
  void shards(done reply) override {
    ask_cluster(inspector_, [reply](const cluster_facts& c) {
      reply({200, json::serialize(shards_json(c))});
    });
  }
  void status(done reply) override {
    ask_cluster(inspector_, [reply](const cluster_facts& c) {
      reply({200, json::serialize(status_json(c, wall_clock{}))});
    });
  }
  void operate(operation what, std::string node, std::uint16_t shard, done reply) override {
    order(inspector_, verb_of(what), std::move(node), shard_id{shard},
          [reply](bool accepted, const std::string& text) {
            if (text.empty()) return reply({504, error_json("the coordinator did not answer")});
            reply({accepted ? 202u : 409u,
                   accepted ? json::serialize(json::object{{"result", text}}) : error_json(text)});
          });
  }

  bool look(const console_query& q, done reply) override {
    return views_->look(q, std::move(reply));
  }
  bool act(const console_query& q, done reply) override { return views_->act(q, std::move(reply)); }

private:
  static cluster::control::operator_verb verb_of(operation what) {
    using cluster::control::operator_verb;
    switch (what) {
    case operation::kill:
      return operator_verb::kill;
    case operation::drain:
      return operator_verb::drain;
    case operation::undrain:
      return operator_verb::undrain;
    case operation::move:
      break;
    }
    return operator_verb::move;
  }

  caf::actor inspector_;
  std::shared_ptr<cluster_views> views_;
};

} // namespace

std::shared_ptr<console_backend> make_cluster_backend(caf::actor inspector) {
  return std::make_shared<cluster_backend>(std::move(inspector));
}

} // namespace holdfast::runtime
