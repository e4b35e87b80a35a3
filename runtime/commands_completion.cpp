// completion: a script for bash or zsh that completes the commands and options there are.
#include "runtime/commands.hpp"

#include <CLI/CLI.hpp>

#include <iostream>
#include <string>

namespace holdfast::runtime {
namespace {

std::string words_of(const CLI::App& command) {
  std::string words;
  for (const auto* sub : command.get_subcommands([](const CLI::App*) { return true; }))
    words += sub->get_name() + ' ';
  for (const auto* option : command.get_options())
    for (const auto& name : option->get_lnames()) words += "--" + name + ' ';
  return words;
}

void print_bash(const CLI::App& app) {
  std::cout << "# holdfast completion bash > /etc/bash_completion.d/holdfast\n"
               "_holdfast() {\n  local words\n  case \"${COMP_WORDS[1]} ${COMP_WORDS[2]}\" in\n";
  for (const auto* command : app.get_subcommands([](const CLI::App*) { return true; })) {
    for (const auto* sub : command->get_subcommands([](const CLI::App*) { return true; }))
      std::cout << "  '" << command->get_name() << ' ' << sub->get_name() << "') words='"
                << words_of(*sub) << "' ;;\n";
    std::cout << "  '" << command->get_name() << " '*) words='" << words_of(*command) << "' ;;\n";
  }
  std::cout
      << "  *) words='" << words_of(app)
      << "' ;;\n  esac\n"
         "  if [ \"$COMP_CWORD\" -eq 1 ]; then words='"
      << words_of(app)
      << "'; fi\n"
         "  mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"${COMP_WORDS[COMP_CWORD]}\")\n"
         "}\ncomplete -o default -F _holdfast holdfast\n";
}

} // namespace

void add_completion_command(CLI::App& app, int& exit_code) {
  auto* command = app.add_subcommand("completion", "A completion script for a shell");
  auto shell = std::make_shared<std::string>("bash");
  command->add_option("SHELL", *shell, "bash or zsh")->check(CLI::IsMember({"bash", "zsh"}));
  command->callback([&app, shell, &exit_code] {
    if (*shell == "zsh") std::cout << "autoload -U +X bashcompinit && bashcompinit\n";
    print_bash(app);
    exit_code = 0;
  });
}

} // namespace holdfast::runtime
