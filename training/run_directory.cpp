#include "training/run_directory.h"

#include <filesystem>

#include "runtime/base/error.h"
#include "runtime/platform/files.h"
#include "runtime/platform/folders.h"
#include "training/formats/sha256.h"

namespace temper::training {
namespace {

// The settings that decide the numbers: not where things are written, nor how long the run is or what is logged.
std::string deciding_settings(const Session& session) {
  Recipe recipe = session.recipe();
  recipe.model.path.clear();
  recipe.model.external_data_root.clear();
  recipe.data.train.clear();
  recipe.data.val.clear();
  recipe.train.out.clear();
  recipe.train.threads = 0;
  recipe.checkpoint = {};
  recipe.log = {};
  recipe.train.eval_every = 0;
  return to_toml(recipe);
}

}  // namespace

std::string make_run_directory(const Recipe& recipe, bool resume) {
  if (resume) {
    TEMPER_CHECK(!recipe.train.out.empty() && file_status(recipe.train.out).is_folder,
                 ErrorCode::kInvalidArgument, "there is no run to resume in '", recipe.train.out,
                 "' (train.out names the run directory)");
    return recipe.train.out;
  }
  if (!recipe.train.out.empty()) {
    make_directories(recipe.train.out);
    TEMPER_CHECK(list_directory(recipe.train.out).empty(), ErrorCode::kInvalidArgument, "'",
                 recipe.train.out, "' is not empty; use --resume to go on there, or another train.out");
    return recipe.train.out;
  }
  const std::string name = std::filesystem::path(recipe.model.path).stem().string();
  make_directories("runs");
  for (int n = 1;; ++n) {
    std::string path = concat("runs/", name, "-", n);
    if (make_new_directory(path)) {
      return path;
    }
  }
}

void write_run_recipe(const std::string& run_directory, const Recipe& recipe) {
  Recipe absolute = recipe;  // a resumed run may start in another folder
  for (std::string* path : {&absolute.model.path, &absolute.data.train, &absolute.data.val}) {
    if (!path->empty()) {
      *path = std::filesystem::absolute(*path).lexically_normal().string();
    }
  }
  absolute.train.out = std::filesystem::absolute(run_directory).lexically_normal().string();
  write_file_atomically(join_path(run_directory, "recipe.toml"), to_toml(absolute));
}

RunIdentity run_identity(const Session& session) {
  RunIdentity identity;
  const std::string settings = deciding_settings(session);
  identity.recipe_hash = sha256_hex(std::as_bytes(std::span(settings.data(), settings.size())));
  identity.data_fingerprint = session.data_fingerprint();
  identity.numerics = concat(session.backend().fingerprint(), "; threads ", session.threads());
  return identity;
}

void require_same_run(const RunIdentity& now, const RunState& saved) {
  TEMPER_CHECK(now.recipe_hash == saved.recipe_hash, ErrorCode::kInvalidArgument,
               "the recipe differs from the one this run began with; resume with the recipe.toml of the run "
               "directory, or start a new run");
  TEMPER_CHECK(now.data_fingerprint == saved.data_fingerprint, ErrorCode::kInvalidArgument,
               "the data differs from what this run began with (", saved.data_fingerprint, " then, ",
               now.data_fingerprint, " now)");
  TEMPER_CHECK(now.numerics == saved.numerics, ErrorCode::kInvalidArgument,
               "this run began on '", saved.numerics, "', here it would go on on '", now.numerics,
               "': the numbers would differ (set train.threads, or start a new run)");
}

}  // namespace temper::training
