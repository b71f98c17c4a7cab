#include "runtime/backend/kernel_table.h"

#include <utility>

namespace temper {
namespace {

class FunctionImpl final : public KernelImpl {
 public:
  FunctionImpl(std::string family, KernelTable::SupportsFunction supports,
               KernelTable::PrepareFunction prepare)
      : family_(std::move(family)), supports_(std::move(supports)), prepare_(std::move(prepare)) {}

  std::string_view family() const override { return family_; }
  Support supports(const OpQuery& query) const override {
    return supports_ ? supports_(query) : Support::yes();
  }
  std::unique_ptr<Kernel> prepare(const OpQuery& query) const override { return prepare_(query); }

 private:
  std::string family_;
  KernelTable::SupportsFunction supports_;
  KernelTable::PrepareFunction prepare_;
};

}  // namespace

void KernelTable::add(std::string_view op, std::unique_ptr<KernelImpl> impl) {
  rows_[std::string(op)].push_back(std::move(impl));
}

void KernelTable::add(std::string_view op, std::string_view family, SupportsFunction supports,
                      PrepareFunction prepare) {
  add(op,
      std::make_unique<FunctionImpl>(std::string(family), std::move(supports), std::move(prepare)));
}

const std::vector<std::unique_ptr<KernelImpl>>& KernelTable::rows(std::string_view op) const {
  static const std::vector<std::unique_ptr<KernelImpl>> kNone;
  const auto it = rows_.find(op);
  return it == rows_.end() ? kNone : it->second;
}

std::vector<std::string> KernelTable::ops() const {
  std::vector<std::string> names;
  for (const auto& [name, rows] : rows_) {
    names.push_back(name);
  }
  return names;
}

}  // namespace temper
