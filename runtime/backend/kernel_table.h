// The kernels of a backend: per op, rows in order of preference; the reference row is last.
// Immutable after the backend is made, so any number of threads may read it.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/backend/kernel.h"

namespace temper {

class KernelTable {
 public:
  using SupportsFunction = std::function<Support(const OpQuery&)>;
  using PrepareFunction = std::function<std::unique_ptr<Kernel>(const OpQuery&)>;

  // Adds a row for an op behind those already there.
  void add(std::string_view op, std::unique_ptr<KernelImpl> impl);
  // The same from two functions; an empty `supports` means always.
  void add(std::string_view op, std::string_view family, SupportsFunction supports,
           PrepareFunction prepare);

  // The op's rows convert types or move bytes: they take any type themselves, so the same rows in
  // another type cannot stand in for them (widened_rows.h).
  void set_any_type(std::string_view op) { any_type_.emplace(op); }
  bool takes_any_type(std::string_view op) const { return any_type_.contains(op); }

  const std::vector<std::unique_ptr<KernelImpl>>& rows(std::string_view op) const;
  std::vector<std::string> ops() const;

 private:
  std::map<std::string, std::vector<std::unique_ptr<KernelImpl>>, std::less<>> rows_;
  std::set<std::string, std::less<>> any_type_;
};

}  // namespace temper
