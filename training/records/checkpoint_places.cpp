#include "training/records/checkpoint_places.h"

#include "runtime/base/error.h"
#include "runtime/base/low_copy.h"

namespace temper::training {
namespace {

// "__metadata__" is no tensor's name in safetensors; it and what begins as what it becomes get one
// more of these behind.
constexpr std::string_view kReserved = "__metadata__";
constexpr char kMore = '/';

bool is_reserved(std::string_view name) {
  return name.starts_with(kReserved) &&
         name.find_first_not_of(kMore, kReserved.size()) == std::string_view::npos;
}

// In optimizer.safetensors, where the file does not tell the kind.
std::string full_name(const VariableStore& store, int id) {
  const StoreVariable& variable = store.variable(id);
  const VariableIdentity& identity = variable.identity;
  switch (identity.kind) {
    case VariableKind::kParameter:
    case VariableKind::kStatistic:
    case VariableKind::kTeacher:
      return concat("tensor/", variable.name);
    case VariableKind::kMoment:
      return concat("moment/", variable.part, "/", store.variable(identity.of).name);
    case VariableKind::kAverage:
      return concat("average/", store.variable(identity.of).name);
    case VariableKind::kSnapshot:
      return concat("snapshot/", full_name(store, identity.of));
    case VariableKind::kAccumulator:
      return concat("accumulator/", identity.slot, "/", store.variable(identity.of).name);
    case VariableKind::kStaged:
      return concat("staged/", store.variable(identity.of).name);
    case VariableKind::kCarried:
    case VariableKind::kCarriedAside:
      return concat("carried/", identity.slot);
    case VariableKind::kScalar:
      return concat("scalar/", identity.model, "/", to_string(identity.scalar), "/", identity.slot);
  }
  fail(ErrorCode::kInternal, "a variable of no kind: ", variable.name);
}

}  // namespace

std::optional<CheckpointPlace> checkpoint_place(const VariableStore& store, int variable) {
  const StoreVariable& of = store.variable(variable);
  // Evaluations begin anew, and a copy is made of its parameter.
  if (is_low_copy(of.identity) || of.is(VariableKind::kTeacher) ||
      of.is(VariableKind::kCarriedAside)) {
    return std::nullopt;
  }
  if (of.identity.is_of_model()) {
    return CheckpointPlace{kWeightsFile, name_in_file(of.name)};
  }
  if (of.is(VariableKind::kAverage)) {
    return CheckpointPlace{kAveragesFile, name_in_file(store.variable(of.identity.of).name)};
  }
  return CheckpointPlace{kOptimizerFile, full_name(store, variable)};
}

std::string name_in_file(std::string name) {
  if (is_reserved(name)) {
    name += kMore;
  }
  return name;
}

std::string name_of_tensor(std::string in_file) {
  if (is_reserved(in_file) && in_file != kReserved) {
    in_file.pop_back();
  }
  return in_file;
}

}  // namespace temper::training
