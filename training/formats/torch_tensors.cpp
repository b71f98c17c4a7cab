#include "training/formats/torch_tensors.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>
#include <set>
#include <string_view>
#include <utility>
#include <vector>

#include "runtime/base/error.h"

namespace temper::training {
namespace {

struct TypeOf {
  std::string_view name;
  DType dtype;
};
// Storages, and the types that a storage without one is given.
constexpr std::array<TypeOf, 24> kTypes = {{
    {"FloatStorage", DType::kFloat32}, {"DoubleStorage", DType::kFloat64},
    {"HalfStorage", DType::kFloat16},  {"BFloat16Storage", DType::kBFloat16},
    {"LongStorage", DType::kInt64},    {"IntStorage", DType::kInt32},
    {"ShortStorage", DType::kInt16},   {"CharStorage", DType::kInt8},
    {"ByteStorage", DType::kUInt8},    {"BoolStorage", DType::kBool},
    {"float32", DType::kFloat32},      {"float64", DType::kFloat64},
    {"float16", DType::kFloat16},      {"bfloat16", DType::kBFloat16},
    {"int64", DType::kInt64},          {"int32", DType::kInt32},
    {"int16", DType::kInt16},          {"int8", DType::kInt8},
    {"uint8", DType::kUInt8},          {"bool", DType::kBool},
    {"uint16", DType::kUInt16},        {"uint32", DType::kUInt32},
    {"uint64", DType::kUInt64},        {"float", DType::kFloat32},
}};

constexpr int kDeepest = 64;
constexpr std::size_t kLongestPath = 4096;
// Of a tensor in the list, beside its name.
constexpr std::uint64_t kEntryBytes = 400;
constexpr std::string_view kParameters = "_parameters";
constexpr std::string_view kBuffers = "_buffers";
constexpr std::string_view kModules = "_modules";

struct TorchTensor {
  std::string key;
  std::string type;  // as the file names it, where Temper has none such
  DType dtype = DType::kUndefined;
  std::int64_t first = 0;
  Shape shape;
  std::vector<std::int64_t> strides;
};

std::string_view last_part(std::string_view path) { return path.substr(path.rfind('.') + 1); }

DType dtype_of(std::string_view type) {
  const auto found = std::find_if(kTypes.begin(), kTypes.end(),
                                  [&](const TypeOf& row) { return row.name == last_part(type); });
  return found == kTypes.end() ? DType::kUndefined : found->dtype;
}

// Copies elements with any strides into row-major order.
void copy_strided(const TorchTensor& it, const std::byte* from, std::byte* to) {
  const std::size_t each = size_of(it.dtype);
  std::vector<std::int64_t> index(static_cast<std::size_t>(it.shape.rank()), 0);
  const std::int64_t count = it.shape.element_count();
  std::int64_t at = 0;
  for (std::int64_t i = 0; i < count; ++i) {
    std::memcpy(to + static_cast<std::size_t>(i) * each,
                from + at * static_cast<std::int64_t>(each), each);
    for (int axis = it.shape.rank(); axis-- > 0;) {
      std::int64_t& one = index[static_cast<std::size_t>(axis)];
      const std::int64_t stride = it.strides[static_cast<std::size_t>(axis)];
      at += stride;
      if (++one < it.shape[axis]) {
        break;
      }
      at -= stride * one;
      one = 0;
    }
  }
}

bool is_contiguous(const TorchTensor& it) {
  std::int64_t expected = 1;
  for (int axis = it.shape.rank(); axis-- > 0;) {
    if (it.shape[axis] != 1 && it.strides[static_cast<std::size_t>(axis)] != expected) {
      return false;
    }
    expected *= it.shape[axis];
  }
  return true;
}

Tensor read_tensor(const TorchTensor& it, const TorchStorages& storages, const std::string& where) {
  TEMPER_CHECK(it.dtype != DType::kUndefined, ErrorCode::kUnsupported, where, " has type ", it.type,
               ", which Temper does not read");
  std::uint64_t offset = 0;
  const std::shared_ptr<Buffer> buffer = storages.read(it.key, offset);
  offset += static_cast<std::uint64_t>(it.first) * size_of(it.dtype);
  if (is_contiguous(it) && offset % size_of(it.dtype) == 0) {
    return Tensor(it.dtype, it.shape, {}, buffer, static_cast<std::size_t>(offset));
  }
  Tensor made(it.dtype, it.shape, {}, "a tensor of a checkpoint");
  copy_strided(it, buffer->data() + offset, static_cast<std::byte*>(made.data()));
  return made;
}

class Walk {
 public:
  Walk(const Pickle& pickle, std::shared_ptr<const TorchStorages> storages,
       const std::string& where, std::uint64_t memory, CheckpointFile& file)
      : pickle_(pickle),
        storages_(std::move(storages)),
        where_(where),
        file_(file),
        memory_(memory),
        memory_left_(memory - std::min(memory, pickle.memory_used())),
        steps_left_(4 * pickle.size() + 4096) {}

  void visit(PickleId id, const std::string& path, int depth) {
    TEMPER_CHECK(depth < kDeepest && path.size() < kLongestPath && steps_left_-- > 0,
                 ErrorCode::kInvalidModel, where_,
                 ": the objects of its pickle are nested without end");
    const PickleNode& node = pickle_.node(id);
    if (const auto tensor = tensor_of(id, 0)) {
      add(*tensor, path);
      return;
    }
    switch (node.kind) {
      case PickleKind::kDict:
        visit_pairs(node, path, depth);
        break;
      case PickleKind::kTuple:
      case PickleKind::kList:
        for (std::size_t i = 0; i < node.items.size(); ++i) {
          visit_child(node.items[i], path, concat(i), depth);
        }
        break;
      case PickleKind::kRecord:
        visit_pairs(node, path, depth);
        visit_state(node.state(), path, depth);
        break;
      default:
        break;
    }
  }

 private:
  const std::vector<PickleId>* tuple(PickleId id, std::size_t least) const {
    const PickleNode& node = pickle_.node(id);
    const bool good = (node.kind == PickleKind::kTuple || node.kind == PickleKind::kList) &&
                      node.items.size() >= least;
    return good ? &node.items : nullptr;
  }

  void visit_child(PickleId id, const std::string& path, std::string_view key, int depth) {
    const PickleKind kind = pickle_.node(id).kind;
    if (kind == PickleKind::kRecord || kind == PickleKind::kDict || kind == PickleKind::kList ||
        kind == PickleKind::kTuple) {
      visit(id, path.empty() ? std::string(key) : concat(path, ".", key), depth + 1);
    }
  }

  void visit_pairs(const PickleNode& node, const std::string& path, int depth) {
    const std::span<const PickleId> pairs = node.elements();
    for (std::size_t i = 0; i + 1 < pairs.size(); i += 2) {
      const PickleNode& key = pickle_.node(pairs[i]);
      if (key.kind == PickleKind::kText) {
        visit_child(pairs[i + 1], path, key.text(), depth);
      } else if (key.kind == PickleKind::kInt) {
        visit_child(pairs[i + 1], path, concat(key.number()), depth);
      }
    }
  }

  // What __setstate__ would have been given: a module keeps its parts under names of its own.
  void visit_state(PickleId id, const std::string& path, int depth) {
    const PickleNode& state = pickle_.node(id);
    const auto* pair = tuple(id, 2);
    if (pair != nullptr && depth < kDeepest) {
      visit_state((*pair)[0], path, depth + 1);
    }
    if (state.kind != PickleKind::kDict) {
      return;
    }
    const PickleId modules = pickle_.find(id, kModules);
    if (modules == 0) {
      visit_pairs(state, path, depth);
      return;
    }
    for (const std::string_view part : {kParameters, kBuffers, kModules}) {
      const PickleNode& children = pickle_.node(pickle_.find(id, part));
      if (children.kind == PickleKind::kDict) {
        visit_pairs(children, path, depth);
      }
    }
    const PickleNode& epsilon = pickle_.node(pickle_.find(id, "eps"));
    if (epsilon.kind == PickleKind::kFloat) {
      file_.epsilons[path] = epsilon.real();
    }
  }

  std::optional<TorchTensor> tensor_of(PickleId id, int depth) const {
    const PickleNode& node = pickle_.node(id);
    if (node.kind != PickleKind::kRecord) {
      return {};
    }
    return made_by(pickle_.node(node.type()).text(), node.args(), depth);
  }

  std::optional<TorchTensor> made_by(std::string_view function, PickleId args_id, int depth) const {
    const auto* args = tuple(args_id, 1);
    if (args == nullptr || depth > 4) {
      return {};
    }
    if (function == "torch._utils._rebuild_parameter" ||
        function == "torch._utils._rebuild_parameter_with_state") {
      return tensor_of((*args)[0], depth + 1);
    }
    if (function == "torch._tensor._rebuild_from_type_v2" && args->size() >= 3) {
      return made_by(pickle_.node((*args)[0]).text(), (*args)[2], depth + 1);
    }
    const bool is_tensor = function == "torch._utils._rebuild_tensor_v2" ||
                           function == "torch._utils._rebuild_tensor_v3" ||
                           function == "torch._utils._rebuild_tensor";
    if (!is_tensor || args->size() < 4) {
      return {};
    }
    return strided(*args);
  }

  std::optional<TorchTensor> strided(const std::vector<PickleId>& args) const {
    const PickleNode& persistent = pickle_.node(args[0]);
    const auto* storage =
        persistent.kind == PickleKind::kPersistent ? tuple(persistent.items[0], 5) : nullptr;
    const auto* sizes = tuple(args[2], 0);
    const auto* strides = tuple(args[3], 0);
    if (storage == nullptr || sizes == nullptr || strides == nullptr ||
        sizes->size() != strides->size()) {
      return {};
    }
    TorchTensor it;
    it.type = pickle_.node((*storage)[1]).text();
    it.key = pickle_.node((*storage)[2]).text();
    if (last_part(it.type) == "UntypedStorage" && args.size() > 6) {
      it.type = pickle_.node(args[6]).text();
    }
    it.dtype = dtype_of(it.type);
    if (it.dtype != DType::kUndefined) {
      it.type.clear();
    }
    it.first = pickle_.node(args[1]).number();
    if (storage->size() > 5) {
      if (const auto* view = tuple((*storage)[5], 3)) {
        TEMPER_CHECK(
            !__builtin_add_overflow(it.first, pickle_.node((*view)[1]).number(), &it.first),
            ErrorCode::kInvalidModel, where_, ": a tensor begins nowhere in its storage");
      }
    }
    for (std::size_t i = 0; i < sizes->size(); ++i) {
      TEMPER_CHECK(i < kMaxRank, ErrorCode::kUnsupported, where_, ": a tensor has more than ",
                   kMaxRank, " dimensions");
      it.shape.push_back(pickle_.node((*sizes)[i]).number());
      it.strides.push_back(pickle_.node((*strides)[i]).number());
    }
    return it;
  }

  void check(const TorchTensor& it, const std::string& what) const {
    std::int64_t last = it.first;
    bool good = it.first >= 0, empty = false;
    for (int axis = 0; axis < it.shape.rank(); ++axis) {
      const std::int64_t size = it.shape[axis];
      const std::int64_t stride = it.strides[static_cast<std::size_t>(axis)];
      std::int64_t reach = 0;
      good = good && size >= 0 && stride >= 0 &&
             !__builtin_mul_overflow(std::max<std::int64_t>(size - 1, 0), stride, &reach) &&
             !__builtin_add_overflow(last, reach, &last);
      empty = empty || size == 0;
    }
    TEMPER_CHECK(good, ErrorCode::kInvalidModel, what, " has sizes or strides that no tensor has");
    const auto elements = static_cast<std::uint64_t>(it.shape.element_count());
    if (it.dtype == DType::kUndefined) {
      return;
    }
    const std::uint64_t bytes = storages_->bytes(it.key);
    const std::uint64_t each = size_of(it.dtype);
    TEMPER_CHECK(elements <= (memory_ - std::min(bytes, memory_)) / each, ErrorCode::kInvalidModel,
                 what, " ", it.dtype, it.shape, " repeats a storage of ", bytes,
                 " bytes to more than ", memory_, "; save the tensor that it is a view of");
    TEMPER_CHECK(empty || static_cast<std::uint64_t>(last) < bytes / each, ErrorCode::kInvalidModel,
                 what, " ", it.dtype, it.shape, " reaches element ", last, " of a storage of ",
                 bytes, " bytes. Is the file cut off?");
  }

  void add(const TorchTensor& it, const std::string& path) {
    if (!names_.insert(path).second) {
      return;  // an object's second way to the same name, such as a key 0 beside a key "0"
    }
    const std::string what = concat(where_, ", tensor '", path, "'");
    const std::uint64_t takes = kEntryBytes + 2 * path.size() + what.size();
    TEMPER_CHECK(takes <= memory_left_, ErrorCode::kInvalidModel, where_,
                 ": its pickle names more tensors than a file of this size has a use for");
    memory_left_ -= takes;
    check(it, what);
    file_.tensors.push_back({path, it.dtype, it.shape, [it, storages = storages_, what] {
                               return read_tensor(it, *storages, what);
                             }});
  }

  const Pickle& pickle_;
  std::shared_ptr<const TorchStorages> storages_;
  const std::string& where_;
  CheckpointFile& file_;
  std::set<std::string> names_;
  std::uint64_t memory_;
  std::uint64_t memory_left_;
  std::uint64_t steps_left_;
};

}  // namespace

void add_torch_tensors(const Pickle& pickle, const std::shared_ptr<const TorchStorages>& storages,
                       const std::string& where, std::uint64_t memory, CheckpointFile& file) {
  Walk(pickle, storages, where, memory, file).visit(pickle.root(), "", 0);
}

}  // namespace temper::training
