#include "training/records/run_directory.h"

#include <filesystem>

#include "runtime/base/error.h"
#include "runtime/platform/files.h"
#include "runtime/platform/folders.h"

namespace temper::training {
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

}  // namespace temper::training
