// Sessions of the C API: training, measuring and predicting on the application's arrays.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "api/temper/temper.h"
#include "training/application/array_trainer.h"

namespace temper::api {

// Hands messages to a callback.
class MessageTaker final : public training::RunObserver {
 public:
  explicit MessageTaker(const temper_callbacks* callbacks)
      : callbacks_(callbacks == nullptr ? temper_callbacks{} : *callbacks) {}
  void message(std::string_view text) override {
    if (callbacks_.message != nullptr) {
      callbacks_.message(callbacks_.user, std::string(text).c_str());
    }
  }

 private:
  temper_callbacks callbacks_;
};

}  // namespace temper::api

struct temper_session {
  temper_session(temper::training::Recipe recipe, temper::training::NamedArrays first,
                 const temper_callbacks* callbacks, temper::training::ArrayUse use)
      : messages(callbacks),
        trainer(std::move(recipe), std::move(first), messages, use),
        tensors(trainer.tensors()) {}

  temper::api::MessageTaker messages;
  temper::training::ArrayTrainer trainer;
  std::vector<temper::training::ModelTensor> tensors;
};

struct temper_outputs {
  struct Output {
    std::string name;
    temper::Tensor values;
    std::vector<std::int64_t> shape;
    DLTensor view = {};
  };
  std::vector<Output> all;
};

namespace temper::api {

temper_status* session_open(const char* model, const temper_options* options, temper_use use,
                            const temper_array* first, size_t count,
                            const temper_callbacks* callbacks, temper_session** session);
void session_free(temper_session* session);
temper_status* session_step(temper_session* session, const temper_array* rows, size_t count,
                            temper_step* step);
temper_status* session_train(temper_session* session, const temper_array* set, size_t count,
                             int64_t steps, temper_step_callback callback, void* user);
temper_status* session_evaluate(temper_session* session, const temper_array* set, size_t count,
                                double* loss, temper_metric_callback metric, void* user);
temper_status* session_predict(temper_session* session, const temper_array* set, size_t count,
                               temper_outputs** outputs);
size_t outputs_count(const temper_outputs* outputs);
const char* outputs_name(const temper_outputs* outputs, size_t index);
const DLTensor* outputs_tensor(const temper_outputs* outputs, size_t index);
void outputs_free(temper_outputs* outputs);
size_t session_tensor_count(const temper_session* session);
temper_status* session_tensor_info(const temper_session* session, size_t index,
                                   temper_tensor_info* info);
temper_status* session_get_tensor(const temper_session* session, const char* name, DLTensor* into);
temper_status* session_set_tensor(temper_session* session, const char* name, const DLTensor* value);
temper_status* session_save_model(temper_session* session, const char* path);
temper_status* session_save_checkpoint(temper_session* session, const char* folder);
temper_status* session_load_checkpoint(temper_session* session, const char* folder);

}  // namespace temper::api
