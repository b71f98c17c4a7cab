// The C API (temper.h) for C++17: handles that free themselves, errors as exceptions. All of it is
// in this header, on the C functions alone, so that it fits any library of the same
// TEMPER_API_VERSION.
#pragma once

#include <temper/temper.h>

#include <cstdint>
#include <exception>
#include <functional>
#include <initializer_list>
#include <memory>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace temper::c {

// The table. THROWS: std::runtime_error for a library of another version.
inline const temper_api* api() {
  const temper_api* table = temper_get_api(TEMPER_API_VERSION);
  if (table == nullptr || table->size < sizeof(temper_api)) {
    throw std::runtime_error("this program needs another version of libtemper_c");
  }
  return table;
}

class Error : public std::runtime_error {
 public:
  Error(temper_code code, const std::string& message, std::string hint)
      : std::runtime_error(message), code_(code), hint_(std::move(hint)) {}
  temper_code code() const { return code_; }
  const std::string& hint() const { return hint_; }

 private:
  temper_code code_;
  std::string hint_;
};

// Throws what a status says, and frees it.
inline void check(temper_status* status) {
  if (status == nullptr) {
    return;
  }
  const std::unique_ptr<temper_status, void (*)(temper_status*)> owned(status, api()->status_free);
  throw Error(api()->status_code(status), api()->status_message(status),
              api()->status_hint(status));
}

template <class T>
constexpr DLDataType dl_type() {
  static_assert(std::is_arithmetic_v<T>, "floats, integers and bool");
  const auto bits = static_cast<std::uint8_t>(8 * sizeof(T));
  return {static_cast<std::uint8_t>(std::is_same_v<T, bool>       ? kDLBool
                                    : std::is_floating_point_v<T> ? kDLFloat
                                    : std::is_unsigned_v<T>       ? kDLUInt
                                                                  : kDLInt),
          bits, 1};
}

// A named view of the caller's memory. It does not change what it views.
class Array {
 public:
  template <class T>
  Array(std::string name, const T* data, std::vector<std::int64_t> shape)
      : name_(std::move(name)), shape_(std::move(shape)) {
    view_.data = const_cast<T*>(data);
    view_.device = {kDLCPU, 0};
    view_.ndim = static_cast<std::int32_t>(shape_.size());
    view_.dtype = dl_type<T>();
  }
  template <class T>
  Array(std::string name, const std::vector<T>& values, std::vector<std::int64_t> shape)
      : Array(std::move(name), values.data(), std::move(shape)) {
    std::int64_t count = 1;
    for (const std::int64_t size : shape_) {
      count *= size;
    }
    if (count != static_cast<std::int64_t>(values.size())) {
      throw std::invalid_argument("array '" + name_ + "': its shape has another number of values");
    }
  }
  Array(std::string name, const DLTensor& view) : name_(std::move(name)), view_(view) {}

  temper_array c_array(DLTensor& view) const {
    view = view_;
    if (!shape_.empty()) {
      view.shape = const_cast<std::int64_t*>(shape_.data());
    }
    return {name_.c_str(), &view};
  }

 private:
  std::string name_;
  std::vector<std::int64_t> shape_;
  DLTensor view_ = {};
};
using Arrays = std::vector<Array>;

// Arrays as the C functions take them.
class CArrays {
 public:
  explicit CArrays(const Arrays& arrays) : views_(arrays.size()) {
    for (std::size_t i = 0; i < arrays.size(); ++i) {
      all_.push_back(arrays[i].c_array(views_[i]));
    }
  }
  const temper_array* data() const { return all_.data(); }
  std::size_t size() const { return all_.size(); }

 private:
  std::vector<DLTensor> views_;
  std::vector<temper_array> all_;
};

class Options {
 public:
  Options() : handle_(nullptr, api()->options_free) {
    temper_options* made = nullptr;
    check(api()->options_create(&made));
    handle_.reset(made);
  }
  Options& read_file(const std::string& recipe) {
    check(api()->options_read_file(handle_.get(), recipe.c_str()));
    return *this;
  }
  Options& set(const std::string& key, const std::string& value) {
    check(api()->options_set(handle_.get(), key.c_str(), value.c_str()));
    return *this;
  }
  const temper_options* get() const { return handle_.get(); }

 private:
  std::unique_ptr<temper_options, void (*)(temper_options*)> handle_;
};

// Each may be empty. What they throw ends the call, and comes out of it.
struct Callbacks {
  std::function<bool(const temper_progress&)> progress;  // false: the run ends here
  std::function<void(std::int64_t step, const std::string& name, double value)> metric;
  std::function<void(const std::string& text)> message;
};

// Calls of std::function from C, which no exception may cross: it waits here.
class CCallbacks {
 public:
  explicit CCallbacks(Callbacks callbacks) : callbacks_(std::move(callbacks)) {
    table_.user = this;
    table_.progress = [](void* user, const temper_progress* progress) {
      CCallbacks& self = *static_cast<CCallbacks*>(user);
      self.guarded([&] {
        self.stopped_ = self.callbacks_.progress && !self.callbacks_.progress(*progress);
      });
      return self.stopped_ || self.thrown_ ? 1 : 0;
    };
    table_.metric = [](void* user, std::int64_t step, const char* name, double value) {
      CCallbacks& self = *static_cast<CCallbacks*>(user);
      self.guarded([&] {
        if (self.callbacks_.metric) {
          self.callbacks_.metric(step, name, value);
        }
      });
    };
    table_.message = [](void* user, const char* text) {
      CCallbacks& self = *static_cast<CCallbacks*>(user);
      self.guarded([&] {
        if (self.callbacks_.message) {
          self.callbacks_.message(text);
        }
      });
    };
  }
  CCallbacks(const CCallbacks&) = delete;
  CCallbacks& operator=(const CCallbacks&) = delete;

  const temper_callbacks* get() const { return &table_; }
  void rethrow() {
    if (thrown_) {
      std::rethrow_exception(std::exchange(thrown_, nullptr));
    }
  }

 private:
  template <class Act>
  void guarded(const Act& act) {
    try {
      if (!thrown_) {
        act();
      }
    } catch (...) {
      thrown_ = std::current_exception();
    }
  }

  Callbacks callbacks_;
  temper_callbacks table_ = {};
  std::exception_ptr thrown_;
  bool stopped_ = false;
};

// What a model gives for all rows.
class Outputs {
 public:
  explicit Outputs(temper_outputs* handle) : handle_(handle, api()->outputs_free) {}
  std::size_t size() const { return api()->outputs_count(handle_.get()); }
  std::string name(std::size_t index) const { return api()->outputs_name(handle_.get(), index); }
  // THROWS: std::invalid_argument for a name that no output has, so below.
  const DLTensor& tensor(const std::string& name) const {
    for (std::size_t i = 0; i < size(); ++i) {
      if (name == api()->outputs_name(handle_.get(), i)) {
        return *api()->outputs_tensor(handle_.get(), i);
      }
    }
    throw std::invalid_argument("the model has no output '" + name + "'");
  }
  std::vector<std::int64_t> shape(const std::string& name) const {
    const DLTensor& found = tensor(name);
    return {found.shape, found.shape + found.ndim};
  }
  // REQUIRES: T is the output's type, else std::invalid_argument.
  template <class T>
  std::vector<T> values(const std::string& name) const {
    const DLTensor& found = tensor(name);
    const DLDataType type = dl_type<T>();
    if (found.dtype.code != type.code || found.dtype.bits != type.bits) {
      throw std::invalid_argument("the output '" + name + "' is of another type");
    }
    std::size_t count = 1;
    for (const std::int64_t size : shape(name)) {
      count *= static_cast<std::size_t>(size);
    }
    const T* first = static_cast<const T*>(found.data);
    return {first, first + count};
  }

 private:
  std::unique_ptr<temper_outputs, void (*)(temper_outputs*)> handle_;
};

struct Evaluation {
  double loss = 0;
  std::vector<std::pair<std::string, double>> metrics;
};

class Session {
 public:
  Session(const std::string& model, const Options& options, const Arrays& first,
          temper_use use = TEMPER_TRAIN, Callbacks callbacks = {})
      : callbacks_(std::make_unique<CCallbacks>(std::move(callbacks))),
        handle_(nullptr, api()->session_free) {
    const CArrays arrays(first);
    temper_session* made = nullptr;
    check(api()->session_open(model.empty() ? nullptr : model.c_str(), options.get(), use,
                              arrays.data(), arrays.size(), callbacks_->get(), &made));
    handle_.reset(made);
    callbacks_->rethrow();
  }

  temper_step step(const Arrays& rows) {
    const CArrays arrays(rows);
    temper_step step = {};
    check(api()->session_step(get(), arrays.data(), arrays.size(), &step));
    return step;
  }
  void train(const Arrays& set, std::int64_t steps,
             const std::function<bool(const temper_step&)>& watch = {}) {
    struct Watched {
      const std::function<bool(const temper_step&)>& watch;
      std::exception_ptr thrown;
    } watched = {watch, nullptr};
    const auto call = [](void* user, const temper_step* step) {
      Watched& self = *static_cast<Watched*>(user);
      try {
        return self.watch(*step) ? 0 : 1;
      } catch (...) {
        self.thrown = std::current_exception();
        return 1;
      }
    };
    const CArrays arrays(set);
    check(api()->session_train(get(), arrays.data(), arrays.size(), steps,
                               watch ? static_cast<temper_step_callback>(call) : nullptr,
                               &watched));
    if (watched.thrown) {
      std::rethrow_exception(watched.thrown);
    }
  }
  Evaluation evaluate(const Arrays& set) {
    const CArrays arrays(set);
    Evaluation result;
    std::pair<Evaluation*, std::exception_ptr> user = {&result, nullptr};
    const auto call = [](void* to, const char* name, double value) {
      auto& pair = *static_cast<std::pair<Evaluation*, std::exception_ptr>*>(to);
      try {
        pair.first->metrics.emplace_back(name, value);
      } catch (...) {
        pair.second = std::current_exception();
      }
    };
    check(api()->session_evaluate(get(), arrays.data(), arrays.size(), &result.loss, call, &user));
    if (user.second) {
      std::rethrow_exception(user.second);
    }
    return result;
  }
  Outputs predict(const Arrays& set) {
    const CArrays arrays(set);
    temper_outputs* outputs = nullptr;
    check(api()->session_predict(get(), arrays.data(), arrays.size(), &outputs));
    return Outputs(outputs);
  }

  std::vector<temper_tensor_info> tensors() const {
    std::vector<temper_tensor_info> all(api()->session_tensor_count(get()));
    for (std::size_t i = 0; i < all.size(); ++i) {
      check(api()->session_tensor_info(get(), i, &all[i]));
    }
    return all;
  }
  template <class T>
  std::vector<T> get(const std::string& name) const {
    std::vector<std::int64_t> shape = shape_of(name);
    std::size_t count = 1;
    for (const std::int64_t size : shape) {
      count *= static_cast<std::size_t>(size);
    }
    std::vector<T> values(count);
    DLTensor view = {values.data(),
                     {kDLCPU, 0},
                     static_cast<std::int32_t>(shape.size()),
                     dl_type<T>(),
                     shape.data(),
                     nullptr,
                     0};
    check(api()->session_get_tensor(get(), name.c_str(), &view));
    return values;
  }
  void set(const Array& value) {
    DLTensor view = {};
    const temper_array array = value.c_array(view);
    check(api()->session_set_tensor(get(), array.name, array.tensor));
  }

  void save_model(const std::string& path) {
    check(api()->session_save_model(get(), path.c_str()));
  }
  void save_checkpoint(const std::string& folder) {
    check(api()->session_save_checkpoint(get(), folder.c_str()));
  }
  void load_checkpoint(const std::string& folder) {
    check(api()->session_load_checkpoint(get(), folder.c_str()));
  }
  temper_session* get() const { return handle_.get(); }

 private:
  // Empty for a name that is not there, of which get() then says so.
  std::vector<std::int64_t> shape_of(const std::string& name) const {
    for (const temper_tensor_info& info : tensors()) {
      if (name == info.name) {
        return {info.shape, info.shape + info.ndim};
      }
    }
    return {};
  }

  std::unique_ptr<CCallbacks> callbacks_;  // outlives the session
  std::unique_ptr<temper_session, void (*)(temper_session*)> handle_;
};

inline void average(const std::vector<std::string>& models, const std::string& path,
                    const std::vector<double>& weights = {}) {
  if (!weights.empty() && weights.size() != models.size()) {
    throw Error(TEMPER_INVALID_ARGUMENT, "one weight for each file", "");
  }
  std::vector<const char*> paths;
  for (const std::string& model : models) {
    paths.push_back(model.c_str());
  }
  check(api()->average_models(paths.data(), weights.empty() ? nullptr : weights.data(),
                              paths.size(), path.c_str()));
}

// A run of a recipe that has ended.
class Run {
 public:
  explicit Run(temper_run* handle) : handle_(handle, api()->run_free) {}
  temper_outcome outcome() const { return api()->run_outcome(handle_.get()); }
  std::int64_t steps() const { return api()->run_steps(handle_.get()); }
  std::string folder() const { return api()->run_folder(handle_.get()); }
  std::string best_model() const { return api()->run_best_model(handle_.get()); }
  std::string last_model() const { return api()->run_last_model(handle_.get()); }

 private:
  std::unique_ptr<temper_run, void (*)(temper_run*)> handle_;
};

inline Run run_recipe(const Options& options, Callbacks callbacks = {}, bool resume = false) {
  CCallbacks all(std::move(callbacks));
  temper_run* run = nullptr;
  check(api()->run_recipe(options.get(), resume ? 1 : 0, all.get(), &run));
  Run made(run);
  all.rethrow();
  return made;
}

}  // namespace temper::c
