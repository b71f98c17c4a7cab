// The kernels of a backend: per op, rows in order of preference; the reference row is last.
// Immutable after the backend is made, so any number of threads may read it.
#pragma once

#include <functional>
#include <map>
#include <memory>
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

  const std::vector<std::unique_ptr<KernelImpl>>& rows(std::string_view op) const;
  std::vector<std::string> ops() const;

 private:
  std::map<std::string, std::vector<std::unique_ptr<KernelImpl>>, std::less<>> rows_;
};

}  // namespace temper
