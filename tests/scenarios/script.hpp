// A scenario file: prose, and steps with what they put on the wire, in the manner of etcd/raft's
// testdata.
//
//   # prose, kept as it is
//
//   alice INVITE sip:bob@biloxi.example.com
//   ----
//   alice -> atlanta    INVITE sip:bob@biloxi.example.com
//
// A step is one line or several, each a command; below the dashes is what they are expected to
// print, up to an empty line. `--rewrite` puts in what they printed.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace scenarios {

struct step {
  std::string prose; // the lines above it, comments and empty lines
  std::vector<std::string> commands;
  std::string expected; // whole lines
  int line = 0;         // of its first command, from 1
};

struct script {
  std::vector<step> steps;
  std::string epilogue;
};

// Throws std::runtime_error, naming file and line, for a step without dashes.
[[nodiscard]] script read_script(const std::filesystem::path& file);
void write_script(const std::filesystem::path& file, const script& s);

// "a b=c d='e f'": at blanks, quotes hold together and go away.
[[nodiscard]] std::vector<std::string> words_of(const std::string& line);

} // namespace scenarios
