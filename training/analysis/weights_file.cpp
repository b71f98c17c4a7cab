#include "training/analysis/weights_file.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <set>
#include <utility>

#include "graph/onnx/surgery/lift_constants.h"
#include "runtime/base/error.h"
#include "training/formats/npz.h"
#include "training/formats/safetensors.h"

namespace temper::training {
namespace {

constexpr std::int64_t kLeastIntegers = 1024;

Tensor whole(const PlainValue& value) {
  Tensor tensor(value.dtype, value.shape, {}, "a tensor of the model");
  auto* to = static_cast<std::byte*>(tensor.data());
  value.for_each_piece(
      [&](std::span<const std::byte> piece) { to = std::copy(piece.begin(), piece.end(), to); });
  return tensor;
}

}  // namespace

bool is_weights_file(const std::string& path) {
  return path.ends_with(".safetensors") || path.ends_with(".npz");
}

WrittenWeights write_weights(graph::ModelEdit& edit, const std::string& path) {
  WrittenWeights done;
  std::int64_t left_out = 0;
  const bool is_npz = path.ends_with(".npz");
  std::vector<std::string> unknown;
  std::vector<std::pair<std::string, PlainValue>> tensors;
  std::vector<std::string> names = edit.initializers();
  for (const std::string& constant : graph::weights_in_constants(edit)) {
    names.push_back(constant);
  }
  for (const std::string& name : names) {
    const std::string reason = edit.unreadable(name);
    if (!reason.empty()) {
      unknown.push_back(concat("'", name, "' (", reason, ")"));
      continue;
    }
    PlainValue value = edit.stored(name);
    const bool has_name = is_npz ? !is_narrow(value.dtype) : has_safetensors_type(value.dtype);
    if (!has_name) {
      unknown.push_back(concat("'", name, "' (", to_string(value.dtype), ")"));
    } else if (!is_float(value.dtype) && value.bytes() < kLeastIntegers) {
      ++left_out;
    } else {
      ++done.tensors;
      done.bytes += value.bytes();
      tensors.emplace_back(name, std::move(value));
    }
  }
  TEMPER_CHECK(unknown.empty(), ErrorCode::kUnsupported, path,
               " cannot hold these tensors of the model: ", join(unknown, ", "));
  if (left_out > 0) {
    done.notes.push_back(concat(left_out,
                                " small tensors of whole numbers (shapes, axes, ...) are "
                                "not among the weights"));
  }
  if (!is_npz) {
    write_safetensors(path, tensors, {{"format", "pt"}});
    return done;
  }
  std::vector<NamedTensor> arrays;
  for (const auto& [name, value] : tensors) {
    arrays.emplace_back(name, whole(value));
  }
  write_npz(path, arrays);
  return done;
}

graph::FileForm safetensors_form(graph::ModelEdit& edit, const std::string& name) {
  graph::FileForm form;
  form.kind = graph::FileForm::Kind::kDataFile;
  form.data_name = name;
  form.takes = has_safetensors_type;
  const std::vector<std::string> weights = graph::weights_of_layers(edit);
  form.small_too = [small = std::set<std::string>(weights.begin(), weights.end())](
                       const std::string& tensor) { return small.contains(tensor); };
  form.layout = [name](std::vector<graph::DataEntry>& entries) {
    std::vector<std::pair<std::string, PlainValue>> tensors;
    for (const graph::DataEntry& entry : entries) {
      tensors.emplace_back(entry.name, PlainValue{entry.dtype, entry.shape, {}});
    }
    std::string head = safetensors_beginning(name, tensors, {{"format", "pt"}});
    std::map<std::string, std::uint64_t> offsets;
    std::uint64_t end = head.size();
    for (const auto& [tensor, value] : tensors) {
      offsets[tensor] = end;
      end += static_cast<std::uint64_t>(value.bytes());
    }
    for (graph::DataEntry& entry : entries) {
      entry.offset = offsets.at(entry.name);
    }
    return head;
  };
  return form;
}

}  // namespace temper::training
