#include "training/records/run_identity.h"

#include <iterator>
#include <span>
#include <utility>

#include "runtime/base/error.h"
#include "runtime/platform/folders.h"
#include "training/formats/sha256.h"
#include "training/recipe/resume_rules.h"

namespace temper::training {
namespace {

RunIdentity identity_of(const Recipe& recipe, const Backend& backend, int threads) {
  RunIdentity identity;
  std::string settings;
  for (const auto& [key, value] : deciding_settings(recipe)) {
    settings += concat(key, " = ", value, "\n");
  }
  identity.settings_hash = sha256_hex(std::as_bytes(std::span(settings)));
  identity.numerics = concat(backend.fingerprint(), "; threads ", threads);
  return identity;
}

// "optimizer.lr was 0.1, now 0.2": against the recipe in the run directory, if it can be read.
std::vector<std::string> recipe_differences(const Recipe& now, const std::string& run_directory) {
  std::vector<std::string> differences;
  try {
    RecipeSources sources;
    sources.file = join_path(run_directory, "recipe.toml");
    const auto before = deciding_settings(read_recipe(sources));
    const auto after = deciding_settings(now);
    const auto value_in = [](const auto& settings, const std::string& key) {
      const auto found = settings.find(key);
      return found == settings.end() ? std::string("the default") : found->second;
    };
    for (const auto& [key, value] : before) {
      if (const std::string other = value_in(after, key); other != value) {
        differences.push_back(concat(key, " was ", value, ", now ", other));
      }
    }
    for (const auto& [key, value] : after) {
      if (!before.contains(key)) {
        differences.push_back(concat(key, " was the default, now ", value));
      }
    }
  } catch (const Error&) {
    return {};
  }
  return differences;
}

void require_same_settings(const RunIdentity& now, const RunState& saved, const Recipe& recipe,
                           const std::string& run_directory) {
  if (now.settings_hash == saved.settings_hash) {
    return;
  }
  const std::vector<std::string> differences = recipe_differences(recipe, run_directory);
  if (saved.settings_hash.empty() && differences.empty()) {
    return;  // an older version wrote no hash of this kind
  }
  fail(ErrorCode::kInvalidArgument, "the recipe differs from the one this run began with",
       differences.empty() ? "" : concat(" (", join(differences, "; "), ")"),
       "; resume with the recipe.toml of the run directory, or start a new run. Which settings may "
       "change is in docs/reference.md");
}

// What is different about the files, of which a fingerprint is "SIZE-SHA256".
std::string difference(const std::string& before, const std::string& now) {
  const std::string size_before = before.substr(0, before.find('-'));
  const std::string size_now = now.substr(0, now.find('-'));
  return size_before == size_now
             ? concat("it has as many bytes, ", size_now, ", but other ones (SHA-256 ",
                      before.substr(size_before.size() + 1, 12), "... then, ",
                      now.substr(size_now.size() + 1, 12), "... now)")
             : concat("it had ", size_before, " bytes then, and has ", size_now, " now");
}

}  // namespace

RunIdentity run_identity(const Session& session) {
  RunIdentity identity = identity_of(session.recipe(), session.backend(), session.threads());
  identity.files = session.data().files();
  identity.files.insert(identity.files.begin(), side_model("model.path", session.model()));
  const std::vector<SideFile>& others = session.side_files();
  identity.files.insert(identity.files.end(), others.begin(), others.end());
  return identity;
}

RunIdentity run_identity(const AdversarialSession& session) {
  RunIdentity identity = identity_of(session.recipe(), session.backend(), session.threads());
  identity.files = session.files();
  return identity;
}

std::vector<std::string> require_same_run(const RunIdentity& now, const RunState& saved,
                                          const Recipe& recipe, const std::string& run_directory) {
  require_same_settings(now, saved, recipe, run_directory);
  std::vector<std::string> notes;
  for (const SideFile& file : now.files) {
    const auto before = saved.files.find(file.key);
    if (before == saved.files.end()) {
      notes.push_back(concat("the checkpoint does not say which ", file.key,
                             " the run began with, so '", file.path, "' is taken for it"));
      continue;
    }
    TEMPER_CHECK(before->second == file.fingerprint, ErrorCode::kInvalidArgument, file.key, " = '",
                 file.path, "' differs from what this run began with: ",
                 difference(before->second, file.fingerprint), "; put it back, or start a new run");
  }
  TEMPER_CHECK(now.numerics == saved.numerics, ErrorCode::kInvalidArgument, "this run began on '",
               saved.numerics, "', here it would go on on '", now.numerics,
               "': the numbers would differ (set train.threads, or start a new run)");
  return notes;
}

}  // namespace temper::training
