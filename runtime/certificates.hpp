// The certificates of a cluster that speaks TLS between its nodes: an authority of its own, which
// signs one certificate per node, and nothing that any other authority ever signed counts.
//
//   DIRECTORY/authority.pem, authority.key    made by `holdfast certificates init`
//   DIRECTORY/NODE.pem, NODE.key              made by `... issue NODE`, made anew by `... renew
//   NODE`
//
// A certificate binds the node's name (its only DNS name): a valid one under another node's name is
// refused. A node needs authority.pem and its own two files; authority.key stays where nodes are
// made. Files are replaced by rename, keys are readable by their owner only.
#pragma once

#include "protocol/core/result.hpp"

#include <chrono>
#include <filesystem>
#include <string>
#include <vector>

namespace holdfast::runtime {

inline constexpr int authority_days = 3650;
inline constexpr int certificate_days = 365;

struct certificate_paths {
  std::filesystem::path directory;

  [[nodiscard]] std::filesystem::path authority() const { return directory / "authority.pem"; }
  [[nodiscard]] std::filesystem::path authority_key() const { return directory / "authority.key"; }
  [[nodiscard]] std::filesystem::path of(const std::string& node) const {
    return directory / (node + ".pem");
  }
  [[nodiscard]] std::filesystem::path key_of(const std::string& node) const {
    return directory / (node + ".key");
  }
};

// Error: there is one already, or the directory can not be written.
[[nodiscard]] result<void> create_authority(const certificate_paths& where,
                                            int days = authority_days);

// A new key and a certificate for it. `replace` false: an error when there is one already.
[[nodiscard]] result<void> issue_certificate(const certificate_paths& where,
                                             const std::string& node, bool replace,
                                             int days = certificate_days);

struct certificate_facts {
  std::filesystem::path file;
  std::string name; // of the node; empty: the authority
  std::chrono::system_clock::time_point from;
  std::chrono::system_clock::time_point until;
  std::string problem; // not empty: why it can not be used
};

[[nodiscard]] result<certificate_facts> read_certificate(const certificate_paths& where,
                                                         const std::filesystem::path& file);
// Of everything in the directory, the authority first.
[[nodiscard]] result<std::vector<certificate_facts>>
list_certificates(const certificate_paths& where);

} // namespace holdfast::runtime
