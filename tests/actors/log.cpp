// The actors' log is silent in tests; SPDLOG_LEVEL=info shows it.
#include <spdlog/cfg/env.h>
#include <spdlog/spdlog.h>

namespace {

const bool configured = [] {
  spdlog::set_level(spdlog::level::off);
  spdlog::cfg::load_env_levels();
  return true;
}();

} // namespace
