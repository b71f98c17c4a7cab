// The table of the C API's functions, the one thing that the library exports.
#include "api/options.h"
#include "api/recipe_run.h"
#include "api/session.h"
#include "api/status.h"
#include "api/temper/temper.h"
#include "training/application/build_facts.h"

namespace temper::api {
namespace {

const char* version_text() { return training::version(); }

const char* build_facts() {
  static const std::string text = training::build_facts().text();
  return text.c_str();
}

constexpr temper_api kTable = {
    TEMPER_API_VERSION,
    sizeof(temper_api),
    status_code,
    status_message,
    status_hint,
    status_free,
    version_text,
    build_facts,
    options_create,
    options_read_file,
    options_set,
    options_free,
    session_open,
    session_free,
    session_step,
    session_train,
    session_evaluate,
    session_predict,
    outputs_count,
    outputs_name,
    outputs_tensor,
    outputs_free,
    session_tensor_count,
    session_tensor_info,
    session_get_tensor,
    session_set_tensor,
    session_save_model,
    session_save_checkpoint,
    session_load_checkpoint,
    average_models,
    run_recipe,
    run_outcome,
    run_steps,
    run_folder,
    run_best_model,
    run_last_model,
    run_free,
};

}  // namespace
}  // namespace temper::api

const temper_api* temper_get_api(uint32_t version) {
  return version == TEMPER_API_VERSION ? &temper::api::kTable : nullptr;
}
