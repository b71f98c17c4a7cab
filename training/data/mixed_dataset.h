// Mixup (Zhang et al. 2018) and CutMix (Yun et al. 2019): each training sample is blended with
// another of its batch, and so is its target.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "training/data/dataset_over.h"

namespace temper::training {

struct MixOptions {
  double mixup = 0;   // alpha of the Beta distribution of shares; 0: off
  double cutmix = 0;  // the same of areas; with both, each batch takes one of them
  std::int64_t classes = 0;
  std::uint64_t seed = 0;

  bool is_on() const { return mixup > 0 || cutmix > 0; }
};

// The share of a batch's own samples, and for CutMix the rectangle that comes from the others.
struct BatchMix {
  double share = 1;
  bool is_cut = false;
  std::int64_t top = 0;
  std::int64_t bottom = 0;
  std::int64_t left = 0;
  std::int64_t right = 0;
};

// What is done to the batch of `epoch` that begins with `first_row`: a pure function of these, with
// the arithmetic of torchvision.transforms.v2 (MixUp, CutMix). `height` and `width` are the
// images'.
BatchMix draw_mix(const MixOptions& options, std::int64_t epoch, std::int64_t first_row,
                  std::int64_t height, std::int64_t width);

// Each of the batch's `rows` samples with the one before it (the first with the last), as
// torch.roll(1): share of its own and the rest of the other's, or the rectangle of the other's
// planes of height x width.
void blend_batch(std::span<float> values, std::int64_t rows, double share);
void cut_batch(std::span<float> values, std::int64_t rows, const BatchMix& mix, std::int64_t height,
               std::int64_t width);

// The data set with its class labels as probabilities, f32 [classes], mixed in training.
class MixedDataset : public DatasetOver {
 public:
  // REQUIRES: the data's first target is one class index per row, and labels are in range.
  // THROWS: kInvalidArgument when no float input can be mixed, or CutMix finds no images.
  MixedDataset(std::unique_ptr<Dataset> data, const MixOptions& options);

  const std::vector<Field>& fields() const override { return fields_; }
  void read(std::span<const std::int64_t> rows, std::span<Tensor> out) const override;
  void read_training(std::span<const std::int64_t> rows, std::int64_t epoch,
                     std::span<Tensor> out) const override;

 private:
  template <class Read>
  void read_labels_apart(std::span<const std::int64_t> rows, std::span<Tensor> out,
                         Read&& read) const;

  MixOptions options_;
  std::vector<Field> fields_;
  std::size_t target_ = 0;
  std::vector<std::size_t> inputs_;  // fields that are mixed
  std::int64_t height_ = 0;          // of the images; 0: there are none
  std::int64_t width_ = 0;
};

}  // namespace temper::training
