// Of the C API: a whole recipe's run, and the mean of several files.
#pragma once

#include <cstdint>
#include <string>

#include "api/temper/temper.h"

struct temper_run {
  temper_outcome outcome = TEMPER_FINISHED;
  std::int64_t steps = 0;
  std::string folder;
  std::string best_model;
  std::string last_model;
};

namespace temper::api {

temper_status* average_models(const char* const* models, const double* weights, size_t count,
                              const char* path);
temper_status* run_recipe(const temper_options* options, int resume,
                          const temper_callbacks* callbacks, temper_run** run);
temper_outcome run_outcome(const temper_run* run);
int64_t run_steps(const temper_run* run);
const char* run_folder(const temper_run* run);
const char* run_best_model(const temper_run* run);
const char* run_last_model(const temper_run* run);
void run_free(temper_run* run);

}  // namespace temper::api
