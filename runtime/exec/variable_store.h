// The persistent values of a run: parameters, statistics, optimizer state, step scalars. One store
// is shared by several plans (training, evaluation). Variables of one flat group lie in one buffer,
// in the order they were added, each 64-byte aligned, so groups with equal members (parameters and
// their moments) have equal offsets. Threading: as a pointer; a plan that runs is alone.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/variable_identity.h"
#include "runtime/memory/tensor.h"

namespace temper {

struct StoreVariable {
  std::string name;  // a label; of the model's tensors the file's
  DType dtype = DType::kFloat32;
  Shape shape;
  Layout layout;
  std::string flat_group;     // empty: a buffer of its own
  VariableIdentity identity;  // which it is; `of`: the id of a variable of this store
  std::string part = {};      // of what belongs to another one: what it is of it, "exp_avg"

  bool is(VariableKind kind) const { return identity.kind == kind; }
};

class VariableStore {
 public:
  // REQUIRES: before allocate(); no variable of this identity is there, nor a tensor of the model
  // with the name of this one.
  int add(StoreVariable variable);
  // Makes the buffers, zeroed. THROWS: kOutOfMemory.
  void allocate();
  bool allocated() const { return allocated_; }

  int count() const { return static_cast<int>(variables_.size()); }
  int find(const VariableIdentity& identity) const;  // -1: none; so below
  // Scalar `role` of a model.
  int find(ScalarRole role, int model = 0) const {
    return find(VariableIdentity::of_scalar(role, model));
  }
  // A tensor of the model by its name, for files and messages.
  int find(std::string_view name) const;
  const StoreVariable& variable(int id) const { return variables_[static_cast<std::size_t>(id)]; }
  // A view in the variable's own layout.
  Tensor& tensor(int id) { return tensors_[static_cast<std::size_t>(id)]; }
  const Tensor& tensor(int id) const { return tensors_[static_cast<std::size_t>(id)]; }

  // The logical elements, as a new plain tensor.
  Tensor get(int id) const { return tensor(id).to_plain(); }
  // Sets the logical elements (converted to the variable's dtype); padding becomes zero.
  // THROWS: kInvalidModel when the shape differs, naming the variable.
  void set(int id, const Tensor& value);

  // What allocate() takes, or took.
  std::int64_t bytes() const;

 private:
  std::vector<StoreVariable> variables_;
  std::map<VariableIdentity, int> by_identity_;
  std::map<std::string, int, std::less<>> by_name_;  // of the model's tensors
  std::vector<Tensor> tensors_;
  bool allocated_ = false;
};

}  // namespace temper
