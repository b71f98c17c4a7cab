// Variables of a store on disk while others stand in their place: a copy in memory would take as
// much as the model.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "runtime/exec/variable_store.h"
#include "runtime/platform/scratch_file.h"

namespace temper::training {

class SpilledVariables {
 public:
  // On the disk of `folder`. REQUIRES: `store` outlives this. THROWS: kIo.
  SpilledVariables(VariableStore& store, std::vector<int> ids, const std::string& folder)
      : store_(store), ids_(std::move(ids)), file_(folder) {
    for (const int id : ids_) {
      store_.for_each_plain_piece(id,
                                  [&](std::span<const std::byte> piece) { file_.write(piece); });
    }
  }

  // Brings them back. THROWS: kIo.
  void restore() {
    std::uint64_t at = 0;
    for (const int id : ids_) {
      store_.fill(id, [&](std::span<std::byte> piece) {
        file_.read(at, piece);
        at += piece.size();
      });
    }
  }

 private:
  VariableStore& store_;
  std::vector<int> ids_;
  ScratchFile file_;
};

}  // namespace temper::training
