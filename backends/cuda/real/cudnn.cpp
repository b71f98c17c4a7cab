// cuDNN's plans by pattern: made once for all kernels of a process that ask for the same.
#include <map>
#include <memory>
#include <mutex>
#include <utility>

#include "backends/cuda/conv_pattern.h"
#include "backends/cuda/cudnn_support.h"
#include "backends/cuda/real/cudnn_graph.h"
#include "runtime/base/error.h"

namespace temper::cuda {
namespace {

// A plan, or why there is none.
struct Answer {
  std::unique_ptr<const CudnnGraph> graph;
  std::string refusal;
};

// Lives as long as the process, as do its plans: kernels keep their addresses. Threading: any
// thread.
class Answers {
 public:
  void set_device(CudnnDevice device) const {
    const std::lock_guard<std::mutex> lock(mutex_);
    device_ = std::move(device);
    is_open_ = false;
  }
  // Whether plans are for the device that is open.
  bool is_open() const {
    const std::lock_guard<std::mutex> lock(mutex_);
    return is_open_;
  }

  const Answer& ask(const ConvPattern& pattern) const {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (device_.sm == 0) {
      device_ = describe_open_device();
    }
    const auto [it, is_new] = answers_.try_emplace(device_.json + to_string(pattern));
    if (is_new) {
      try {
        it->second.graph = build_graph(pattern, device_);
      } catch (const Error& error) {
        it->second.refusal = error.message();
      }
    }
    return it->second;
  }

 private:
  mutable std::mutex mutex_;
  mutable CudnnDevice device_;
  mutable bool is_open_ = true;
  mutable std::map<std::string, Answer> answers_;
};

// Never destroyed: cuDNN may be gone before.
const Answers& answers() {
  static const Answers& kOfProcess = *std::make_unique<Answers>().release();
  return kOfProcess;
}

class PatternPlan final : public CudnnPlan {
 public:
  PatternPlan(ConvPattern pattern, const CudnnGraph& graph)
      : pattern_(std::move(pattern)), graph_(graph) {
    workspace_bytes = graph_.workspace_bytes;
    description = concat("cuDNN ", graph_.engine);
  }

  void run(void* const* inputs, void* const* outputs, void* workspace,
           StreamHandle stream) const override {
    const auto address = [&](const ConvTensor& tensor) {
      return (tensor.is_output ? outputs : inputs)[tensor.index];
    };
    graph_.run(address(pattern_.x), address(pattern_.w), address(pattern_.y),
               pattern_.bias ? inputs[2] : nullptr, workspace, stream);
  }

 private:
  ConvPattern pattern_;
  const CudnnGraph& graph_;
};

}  // namespace

void set_planned_device(CudnnDevice device) { answers().set_device(std::move(device)); }

Support cudnn_supports(const OpQuery& query) {
  ConvPattern pattern;
  const Support is_product = read_pattern(query, pattern);
  if (!is_product.ok) {
    return is_product;
  }
  const Answer& answer = answers().ask(pattern);
  return answer.graph != nullptr ? Support::yes() : Support::no(answer.refusal);
}

std::unique_ptr<CudnnPlan> plan_cudnn(const OpQuery& query) {
  ConvPattern pattern;
  const Support is_product = read_pattern(query, pattern);
  TEMPER_ASSERT(is_product.ok, is_product.reason);
  const Answer& answer = answers().ask(pattern);
  TEMPER_ASSERT(answer.graph != nullptr, answer.refusal);
  if (answers().is_open()) {
    open_cudnn();
  }
  return std::make_unique<PatternPlan>(std::move(pattern), *answer.graph);
}

std::string cudnn_missing() {
  try {
    cudnn_version();
    return {};
  } catch (const Error& error) {
    return error.message();
  }
}

std::string cudnn_text() {
  try {
    const std::size_t version = cudnn_version();
    return concat("cuDNN ", version / 10000, ".", version / 100 % 100, ".", version % 100);
  } catch (const Error& error) {
    return error.message();
  }
}

}  // namespace temper::cuda
