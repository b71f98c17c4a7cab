#include "training/run_directory.h"

#include <filesystem>
#include <map>
#include <sstream>

#include "runtime/base/error.h"
#include "runtime/platform/files.h"
#include "runtime/platform/folders.h"
#include "training/data/fingerprint.h"
#include "training/formats/sha256.h"

namespace temper::training {
namespace {

// The settings that decide the numbers: not where things are, nor what is logged and saved; how
// long the run is only where the schedule depends on it, so that other runs can be made longer.
std::string deciding_settings(Recipe recipe) {
  recipe.model.path.clear();
  recipe.model.external_data_root.clear();
  if (recipe.adversarial.is_on()) {
    recipe.adversarial.generator.model = recipe.adversarial.discriminator.model = "set";
    recipe.adversarial.samples_every = recipe.adversarial.sample_grid = 0;
  }
  recipe.data.train.clear();
  recipe.data.val.clear();
  recipe.data.target_path.clear();
  recipe.train.out.clear();
  recipe.train.threads = 0;
  const AdversarialRecipe& two = recipe.adversarial;
  if (!depends_on_length(recipe.schedule) &&
      !depends_on_length(schedule_of(two.generator, recipe)) &&
      !depends_on_length(schedule_of(two.discriminator, recipe))) {
    recipe.train.epochs = 0;
    recipe.train.steps = 0;
  }
  recipe.train.eval_every = 0;
  recipe.train.max_time.clear();
  recipe.checkpoint = {};
  recipe.log = {};
  recipe.compare.clear();
  // Side files: what is in them counts, and whether there are any.
  const auto forget = [](std::string& path) { path = path.empty() ? "" : "set"; };
  forget(recipe.teacher.model);
  forget(recipe.loss.file);
  forget(recipe.data.sampling_weights);
  for (LossTermSettings& term : recipe.loss_terms) {
    forget(term.file);
  }
  return to_toml(recipe);
}

// "key = value" by full key, as to_toml() writes it; groups are numbered.
std::map<std::string, std::string> settings_by_key(const std::string& toml) {
  std::map<std::string, std::string> settings;
  std::string table;
  int groups = 0;
  std::istringstream lines(toml);
  for (std::string line; std::getline(lines, line);) {
    const std::size_t equals = line.find(" = ");
    if (line.starts_with("[[")) {
      table = concat(line.substr(2, line.find(']') - 2), " ", ++groups);
    } else if (line.starts_with('[')) {
      table = line.substr(1, line.find(']') - 1);
    } else if (equals != std::string::npos) {
      settings[concat(table, ".", line.substr(0, equals))] = line.substr(equals + 3);
    }
  }
  return settings;
}

// "optimizer.lr was 0.1, now 0.2": for the recipe in the run directory, if it can be read.
std::string recipe_differences(const Recipe& now, const std::string& run_directory) {
  std::vector<std::string> differences;
  try {
    RecipeSources sources;
    sources.file = join_path(run_directory, "recipe.toml");
    const auto before = settings_by_key(deciding_settings(read_recipe(sources)));
    auto after = settings_by_key(deciding_settings(now));
    for (const auto& [key, value] : before) {
      const auto found = after.find(key);
      if (found == after.end()) {
        differences.push_back(concat(key, " was ", value));
      } else if (found->second != value) {
        differences.push_back(concat(key, " was ", value, ", now ", found->second));
      }
    }
    for (const auto& [key, value] : after) {
      if (!before.contains(key)) {
        differences.push_back(concat(key, " is now ", value));
      }
    }
  } catch (const Error&) {
    return "";
  }
  return differences.empty() ? "" : concat(" (", join(differences, "; "), ")");
}

}  // namespace

std::vector<std::string> model_paths(const Recipe& recipe) {
  return recipe.adversarial.is_on() ? std::vector{recipe.adversarial.generator.model,
                                                  recipe.adversarial.discriminator.model}
                                    : std::vector{recipe.model.path};
}

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
                 recipe.train.out,
                 "' is not empty; use --resume to go on there, or another train.out");
    return recipe.train.out;
  }
  const std::string name = std::filesystem::path(model_paths(recipe).front()).stem().string();
  return make_output_directory("", name);
}

std::string make_output_directory(const std::string& wanted, const std::string& name) {
  if (!wanted.empty()) {
    make_directories(wanted);
    TEMPER_CHECK(list_directory(wanted).empty(), ErrorCode::kInvalidArgument, "'", wanted,
                 "' is not empty; name another folder");
    return wanted;
  }
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
  make_paths_absolute(absolute);
  absolute.train.out = std::filesystem::absolute(run_directory).lexically_normal().string();
  write_file_atomically(join_path(run_directory, "recipe.toml"), to_toml(absolute));
}

RunIdentity run_identity(const Recipe& recipe, const std::string& data_fingerprint,
                         const Backend& backend, int threads) {
  RunIdentity identity;
  const std::string settings = deciding_settings(recipe);
  identity.recipe_hash = sha256_hex(std::as_bytes(std::span(settings.data(), settings.size())));
  identity.model_fingerprint = fingerprint_files(model_paths(recipe));
  identity.data_fingerprint = data_fingerprint;
  identity.numerics = concat(backend.fingerprint(), "; threads ", threads);
  return identity;
}

RunIdentity run_identity(const Session& session) {
  RunIdentity identity = run_identity(session.recipe(), session.data_fingerprint(),
                                      session.backend(), session.threads());
  identity.side_files = session.side_files();
  return identity;
}

void require_same_run(const RunIdentity& now, const RunState& saved, const Recipe& recipe,
                      const std::string& run_directory) {
  TEMPER_CHECK(now.model_fingerprint == saved.model_fingerprint, ErrorCode::kInvalidArgument,
               "the model file '", join(model_paths(recipe), "' or '"),
               "' differs from the one this run began with");
  if (now.recipe_hash != saved.recipe_hash) {
    fail(ErrorCode::kInvalidArgument, "the recipe differs from the one this run began with",
         recipe_differences(recipe, run_directory),
         "; resume with the recipe.toml of the run directory, or start a new run");
  }
  for (const SideFile& file : now.side_files) {
    const auto before = saved.side_files.find(file.key);
    const std::string hash = before == saved.side_files.end() ? "none" : before->second;
    TEMPER_CHECK(hash == file.sha256, ErrorCode::kInvalidArgument, file.key, " = '", file.path,
                 "' is not the file this run began with (SHA-256 ", hash, " then, ", file.sha256,
                 " now); put that file back, or start a new run");
  }
  TEMPER_CHECK(now.data_fingerprint == saved.data_fingerprint, ErrorCode::kInvalidArgument,
               "the data differs from what this run began with (", saved.data_fingerprint,
               " then, ", now.data_fingerprint, " now)");
  TEMPER_CHECK(now.numerics == saved.numerics, ErrorCode::kInvalidArgument, "this run began on '",
               saved.numerics, "', here it would go on on '", now.numerics,
               "': the numbers would differ (set train.threads, or start a new run)");
}

}  // namespace temper::training
