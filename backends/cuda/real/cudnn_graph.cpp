// The one file that includes cuDNN's graph library. cuDNN is loaded when it is first asked, so that
// a machine without it runs whatever needs no convolution.
#include "backends/cuda/real/cudnn_graph.h"

#include <cudnn_frontend.h>
#include <dlfcn.h>

#include <array>
#include <exception>
#include <mutex>
#include <unordered_map>
#include <utility>
#include <vector>

#include "runtime/base/error.h"

// Declared by the library and defined by who uses it: where it looks for cuDNN's functions.
decltype(cudnn_frontend::cudnn_dlhandle) cudnn_frontend::cudnn_dlhandle = nullptr;

namespace temper::cuda {
namespace {

namespace fe = cudnn_frontend;
using Attributes = fe::graph::Tensor_attributes;
using TensorNode = decltype(std::declval<fe::graph::Graph&>().tensor(Attributes()));

constexpr const char* kLibrary = "libcudnn.so.9";
// Plans that want more are passed over: it is taken from what a batch may need.
constexpr std::int64_t kWorkspaceLimit = std::int64_t{512} << 20;

void load() {
  static const bool kIsLoaded = [] {
    fe::cudnn_dlhandle = dlopen(kLibrary, RTLD_NOW | RTLD_LOCAL);
    return fe::cudnn_dlhandle != nullptr;
  }();
  TEMPER_CHECK(kIsLoaded, ErrorCode::kUnsupported, "cuDNN is not there (", kLibrary,
               "): install libcudnn9-cuda-13 of NVIDIA's repository, or nvidia-cudnn-cu13 of PyPI "
               "with its lib folder in LD_LIBRARY_PATH");
}

std::string first_line(const std::string& text) { return text.substr(0, text.find('\n')); }

void require(fe::error_t status, const char* what) {
  TEMPER_CHECK(status.is_good(), ErrorCode::kUnsupported, "cuDNN, ", what, ": ",
               first_line(status.get_message()));
}

void check(cudnnStatus_t status, const char* what) {
  TEMPER_CHECK(status == CUDNN_STATUS_SUCCESS, ErrorCode::kDevice, what, ": ",
               fe::detail::get_error_string(status));
}

// One for all streams: taken by one launch at a time.
struct Handle {
  mutable std::mutex mutex;
  cudnnHandle_t handle = nullptr;

  Handle() { check(fe::detail::create_handle(&handle), "starting cuDNN"); }
};

// Never destroyed: cuDNN may be gone before.
const Handle& opened() {
  static const Handle& kOfProcess = *std::make_unique<Handle>().release();
  return kOfProcess;
}

fe::DataType_t type_of(DType dtype) {
  switch (dtype) {
    case DType::kFloat32:
      return fe::DataType_t::FLOAT;
    case DType::kFloat16:
      return fe::DataType_t::HALF;
    case DType::kBFloat16:
      return fe::DataType_t::BFLOAT16;
    default:
      fail(ErrorCode::kUnsupported, "cuDNN is not asked for ", dtype);
  }
}

enum Uid : std::int64_t { kX = 1, kW, kY, kBias };

class PatternGraph final : public CudnnGraph {
 public:
  PatternGraph(const ConvPattern& pattern, const CudnnDevice& device) : pattern_(pattern) {
    const std::vector<std::uint8_t> json(device.json.begin(), device.json.end());
    auto properties = std::make_unique<fe::DeviceProperties>();
    require(properties->deserialize(json), "the device's description");
    graph_.set_device_properties(std::move(properties))
        .set_sm_version(device.sm)
        .set_io_data_type(type_of(pattern.dtype))
        .set_intermediate_data_type(fe::DataType_t::FLOAT)
        .set_compute_data_type(fe::DataType_t::FLOAT);
    add_nodes();
    require(graph_.validate(), "the form");
    require(graph_.build_operation_graph(), "the graph");
    require(graph_.create_execution_plans({fe::HeurMode_t::A, fe::HeurMode_t::FALLBACK}),
            "choosing an engine");
    deselect();
    require(graph_.check_support(), "an engine");
    require(graph_.build_plans(fe::BuildPlanPolicy_t::HEURISTICS_CHOICE), "a plan");
    std::int64_t bytes = 0;
    require(graph_.get_workspace_size(bytes), "the workspace");
    workspace_bytes = static_cast<std::size_t>(bytes);
    require(graph_.get_plan_name(engine), "the plan's name");
    engine = engine.substr(0, engine.find('_'));  // without the choices within the engine
  }

  void run(void* x, void* w, void* y, void* bias, void* workspace,
           StreamHandle stream) const override {
    std::unordered_map<std::int64_t, void*> addresses{{kX, x}, {kW, w}, {kY, y}};
    if (pattern_.bias) {
      addresses.emplace(kBias, bias);
    }
    const Handle& device = opened();
    const std::lock_guard<std::mutex> lock(device.mutex);
    check(fe::detail::set_stream(device.handle, static_cast<cudaStream_t>(stream.handle)),
          "cuDNN's stream");
    fe::error_t status = graph_.execute(device.handle, addresses, workspace);
    TEMPER_CHECK(status.is_good(), ErrorCode::kDevice,
                 "a convolution: ", first_line(status.get_message()));
  }

 private:
  TensorNode tensor(const ConvTensor& given, Uid uid, const char* name) {
    return graph_.tensor(
        Attributes().set_name(name).set_uid(uid).set_dim(given.sizes).set_stride(given.strides));
  }

  void make_output(const TensorNode& node, const ConvTensor& given, Uid uid) {
    node->set_output(true)
        .set_uid(uid)
        .set_data_type(type_of(pattern_.dtype))
        .set_dim(given.sizes)
        .set_stride(given.strides);
  }

  template <class A>
  A window() const {
    return A()
        .set_pre_padding(pattern_.pads_begin)
        .set_post_padding(pattern_.pads_end)
        .set_stride(pattern_.strides)
        .set_dilation(pattern_.dilations);
  }

  void add_nodes() {
    const ConvPattern& p = pattern_;
    if (p.product == ConvProduct::kGradData) {
      const TensorNode dy = tensor(p.y, kY, "dy"), w = tensor(p.w, kW, "w");
      make_output(graph_.conv_dgrad(dy, w, window<fe::graph::Conv_dgrad_attributes>()), p.x, kX);
      return;
    }
    if (p.product == ConvProduct::kGradWeights) {
      const TensorNode dy = tensor(p.y, kY, "dy"), x = tensor(p.x, kX, "x");
      make_output(graph_.conv_wgrad(dy, x, window<fe::graph::Conv_wgrad_attributes>()), p.w, kW);
      return;
    }
    const TensorNode x = tensor(p.x, kX, "x"), w = tensor(p.w, kW, "w");
    TensorNode y = graph_.conv_fprop(x, w, window<fe::graph::Conv_fprop_attributes>());
    if (p.bias) {
      std::vector<std::int64_t> sizes(p.y.sizes.size(), 1), strides(p.y.sizes.size(), 1);
      sizes[1] = p.y.sizes[1];
      strides[0] = sizes[1];
      const TensorNode bias = graph_.tensor(
          Attributes().set_name("bias").set_uid(kBias).set_dim(sizes).set_stride(strides));
      y = graph_.pointwise(y, bias,
                           fe::graph::Pointwise_attributes().set_mode(fe::PointwiseMode_t::ADD));
    }
    if (p.relu) {
      y = graph_.pointwise(
          y, fe::graph::Pointwise_attributes().set_mode(fe::PointwiseMode_t::RELU_FWD));
    }
    make_output(y, p.y, kY);
  }

  // f32 means f32, unless TF32 was asked for, and the same bits come each time.
  void deselect() {
    std::vector<fe::NumericalNote_t> unwanted{fe::NumericalNote_t::NONDETERMINISTIC};
    if (pattern_.dtype == DType::kFloat32 && !pattern_.tf32) {
      unwanted.insert(unwanted.end(),
                      {fe::NumericalNote_t::TENSOR_CORE, fe::NumericalNote_t::DOWN_CONVERT_INPUTS,
                       fe::NumericalNote_t::REDUCED_PRECISION_REDUCTION});
    }
    graph_.deselect_numeric_notes(unwanted);
    graph_.deselect_workspace_greater_than(kWorkspaceLimit);
  }

  ConvPattern pattern_;
  fe::graph::Graph graph_;
};

}  // namespace

std::unique_ptr<CudnnGraph> build_graph(const ConvPattern& pattern, const CudnnDevice& device) {
  load();
  try {
    return std::make_unique<PatternGraph>(pattern, device);
  } catch (const Error&) {
    throw;
  } catch (const std::exception& error) {
    fail(ErrorCode::kUnsupported, "cuDNN: ", first_line(error.what()));
  }
}

void open_cudnn() {
  load();
  opened();
}

std::size_t cudnn_version() {
  load();
  return fe::detail::get_backend_version();
}

}  // namespace temper::cuda
