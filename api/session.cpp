#include "api/session.h"

#include <utility>

#include "api/dl_tensors.h"
#include "api/options.h"
#include "api/status.h"

namespace temper::api {
namespace {

using training::ArrayStep;
using training::ArrayTrainer;
using training::ArrayUse;

ArrayTrainer& trainer_of(temper_session* session) { return required(session, "session").trainer; }

temper_step c_step(const ArrayStep& step) {
  return {step.number, step.loss, step.lr, step.grad_norm, step.applied ? 1 : 0};
}

}  // namespace

temper_status* session_open(const char* model, const temper_options* options, temper_use use,
                            const temper_array* first, size_t count,
                            const temper_callbacks* callbacks, temper_session** session) {
  return guarded([&] {
    required(session, "session");
    TEMPER_CHECK(use == TEMPER_TRAIN || use == TEMPER_PREDICT, ErrorCode::kInvalidArgument,
                 "use is ", static_cast<int>(use), "; expected TEMPER_TRAIN or TEMPER_PREDICT");
    training::Recipe recipe =
        options == nullptr ? training::read_recipe({}) : training::Recipe(options->recipe);
    if (model != nullptr) {
      recipe.model.path = model;
    }
    auto made = std::make_unique<temper_session>(
        std::move(recipe), arrays_of(first, count), callbacks,
        use == TEMPER_TRAIN ? ArrayUse::kTrain : ArrayUse::kPredict);
    for (const std::string& note : made->trainer.notes()) {
      made->messages.message(note);
    }
    *session = made.release();
  });
}

void session_free(temper_session* session) { delete session; }

temper_status* session_step(temper_session* session, const temper_array* rows, size_t count,
                            temper_step* step) {
  return guarded([&] {
    const ArrayStep done = trainer_of(session).step(arrays_of(rows, count));
    if (step != nullptr) {
      *step = c_step(done);
    }
  });
}

temper_status* session_train(temper_session* session, const temper_array* set, size_t count,
                             int64_t steps, temper_step_callback callback, void* user) {
  return guarded([&] {
    TEMPER_CHECK(steps >= 0, ErrorCode::kInvalidArgument, "steps is ", steps,
                 "; expected 0 or more");
    trainer_of(session).train(arrays_of(set, count), steps, [&](const ArrayStep& done) {
      const temper_step step = c_step(done);
      return callback == nullptr || callback(user, &step) == 0;
    });
  });
}

temper_status* session_evaluate(temper_session* session, const temper_array* set, size_t count,
                                double* loss, temper_metric_callback metric, void* user) {
  return guarded([&] {
    const training::Evaluation result = trainer_of(session).evaluate(arrays_of(set, count));
    if (loss != nullptr) {
      *loss = result.loss;
    }
    for (const training::MetricValue& value : result.metrics) {
      if (metric != nullptr) {
        metric(user, value.name.c_str(), value.value);
      }
    }
  });
}

temper_status* session_predict(temper_session* session, const temper_array* set, size_t count,
                               temper_outputs** outputs) {
  return guarded([&] {
    required(outputs, "outputs");
    auto made = std::make_unique<temper_outputs>();
    for (auto& [name, values] : trainer_of(session).predict(arrays_of(set, count))) {
      made->all.push_back({name, std::move(values), {}, {}});
    }
    for (temper_outputs::Output& output : made->all) {
      output.shape.assign(output.values.shape().dims().begin(), output.values.shape().dims().end());
      output.view.data = output.values.data();
      output.view.device = {kDLCPU, 0};
      output.view.ndim = static_cast<std::int32_t>(output.shape.size());
      output.view.dtype = dl_type(output.values.dtype());
      output.view.shape = output.shape.data();
    }
    *outputs = made.release();
  });
}

size_t outputs_count(const temper_outputs* outputs) {
  return outputs == nullptr ? 0 : outputs->all.size();
}

const char* outputs_name(const temper_outputs* outputs, size_t index) {
  return index < outputs_count(outputs) ? outputs->all[index].name.c_str() : nullptr;
}

const DLTensor* outputs_tensor(const temper_outputs* outputs, size_t index) {
  return index < outputs_count(outputs) ? &outputs->all[index].view : nullptr;
}

void outputs_free(temper_outputs* outputs) { delete outputs; }

size_t session_tensor_count(const temper_session* session) {
  return session == nullptr ? 0 : session->tensors.size();
}

temper_status* session_tensor_info(const temper_session* session, size_t index,
                                   temper_tensor_info* info) {
  return guarded([&] {
    const auto& tensors = required(session, "session").tensors;
    TEMPER_CHECK(index < tensors.size(), ErrorCode::kInvalidArgument, "tensor ", index, " of ",
                 tensors.size());
    const training::ModelTensor& tensor = tensors[index];
    required(info, "info") = {tensor.name.c_str(), to_string(tensor.dtype).data(),
                              tensor.shape.rank(), tensor.shape.dims().data(),
                              tensor.is_statistic ? 1 : 0};
  });
}

temper_status* session_get_tensor(const temper_session* session, const char* name, DLTensor* into) {
  return guarded([&] {
    const Tensor value = required(session, "session").trainer.tensor(&required(name, "name"));
    copy_out(value, required(into, "the memory for the tensor"), name);
  });
}

temper_status* session_set_tensor(temper_session* session, const char* name,
                                  const DLTensor* value) {
  return guarded([&] {
    ArrayTrainer& trainer = trainer_of(session);
    required(name, "name");
    trainer.set_tensor(name, tensor_of(required(value, "value"), name));
  });
}

temper_status* session_save_model(temper_session* session, const char* path) {
  return guarded([&] { trainer_of(session).save_model(&required(path, "path")); });
}

temper_status* session_save_checkpoint(temper_session* session, const char* folder) {
  return guarded([&] { trainer_of(session).save_checkpoint(&required(folder, "folder")); });
}

temper_status* session_load_checkpoint(temper_session* session, const char* folder) {
  return guarded([&] { trainer_of(session).load_checkpoint(&required(folder, "folder")); });
}

}  // namespace temper::api
