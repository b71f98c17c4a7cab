// A data set whose rows are read by several threads: each takes the next few rows of a batch until
// none is left. Rows do not depend on each other, so the bits are the same for any number.
#pragma once

#include <functional>
#include <memory>

#include "training/data/dataset_over.h"

namespace temper::training {

class ParallelDataset : public DatasetOver {
 public:
  // The calling thread is one of the `workers`; the others start with the first batch.
  ParallelDataset(std::unique_ptr<Dataset> data, int workers);
  ~ParallelDataset() override;

  // Of several errors the one of the first row is thrown. Called while another call runs, they read
  // in their own thread alone.
  void read(std::span<const std::int64_t> rows, std::span<Tensor> out) const override;
  void read_training(std::span<const std::int64_t> rows, std::int64_t epoch,
                     std::span<Tensor> out) const override;

 private:
  struct Pool;
  using Read = std::function<void(std::span<const std::int64_t>, std::span<Tensor>)>;
  void spread(std::span<const std::int64_t> rows, std::span<Tensor> out, const Read& read) const;

  std::unique_ptr<Pool> pool_;
};

}  // namespace temper::training
