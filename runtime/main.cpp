// The binary `holdfast`: a list of subcommands, each beside the code it runs.
#include "runtime/commands.hpp"
#include "runtime/exercise/command.hpp"

#include <CLI/CLI.hpp>

#include <exception>
#include <iostream>

int main(int argc, char** argv) {
  using namespace holdfast::runtime;
  CLI::App app{"A SIP cluster that does not drop calls", "holdfast"};
  app.require_subcommand(1);
  app.set_help_all_flag("--help-all", "Help for every subcommand");

  int exit_code = 0;
  add_launch_command(app, exit_code);
  add_node_command(app, exit_code);
  add_exercise_command(app, exit_code);
  add_simulate_command(app, exit_code);
  add_members_command(app, exit_code);
  add_shards_command(app, exit_code);
  add_calls_command(app, exit_code);
  add_actors_command(app, exit_code);
  add_events_command(app, exit_code);
  add_kill_command(app, exit_code);
  add_drain_command(app, exit_code);
  add_undrain_command(app, exit_code);
  add_move_command(app, exit_code);
  add_check_command(app, exit_code);
  add_credential_command(app, exit_code);
  add_certificates_command(app, exit_code);
  add_completion_command(app, exit_code);

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    if (e.get_exit_code() == 0) return app.exit(e); // --help
    if (e.get_name() == "RequiredError" && argc > 1 && app.get_subcommands().empty())
      std::cerr << "holdfast: there is no subcommand '" << argv[1] << "'; see holdfast --help\n";
    else
      app.exit(e, std::cerr, std::cerr);
    return exit_misused;
  } catch (const std::exception& e) {
    std::cerr << "holdfast: " << e.what() << '\n';
    return 1;
  }
  return exit_code;
}
