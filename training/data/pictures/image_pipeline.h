// A data set of images with what the recipe does to them: random changes of training samples, then
// normalisation by mean and deviation of each channel.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "training/data/dataset_over.h"
#include "training/data/open_dataset.h"
#include "training/data/pictures/image_ops.h"

namespace temper::training {

// Images are the float inputs with rows [channels, height, width]. Targets of the same height and
// width (masks) follow the flips, crops and rotations of the images.
class ImagePipeline : public DatasetOver {
 public:
  // THROWS: kInvalidArgument when the settings do not suit the data: no images, another number of
  // channels, colour changes of images that were not 8 bits wide. kInvalidData for numbers where
  // the stored preparation is of 8-bit pictures.
  ImagePipeline(std::unique_ptr<Dataset> data, const DataOptions& options);

  void read(std::span<const std::int64_t> rows, std::span<Tensor> out) const override;
  void read_training(std::span<const std::int64_t> rows, std::int64_t epoch,
                     std::span<Tensor> out) const override;
  // {"images": {"scale", "mean", "std", "bytes"}} (whether they were 8 bits wide) and what the data
  // themselves have to say.
  JsonValue preprocessing() const override;

 private:
  struct Part {
    std::size_t field = 0;
    bool is_image = false;  // else a mask
    std::int64_t channels = 0;
    std::int64_t height = 0;
    std::int64_t width = 0;
    float white = 0;
  };
  // Calls change(row number, part, image) for each image and, when asked, each mask, as floats.
  template <class Change>
  void for_each_image(std::int64_t rows, std::span<Tensor> out, bool with_masks,
                      Change&& change) const;
  void normalise_all(std::int64_t rows, std::span<Tensor> out) const;
  void find_parts();
  void check(const Part& image) const;
  void check_stored(const JsonValue& preprocessing) const;
  bool were_bytes() const;

  DataSettings settings_;
  AugmentSettings augment_;
  std::vector<Part> parts_;
};

// The settings that a trained model's preprocessing() recorded, in place of those given; none of
// what the model does itself.
void use_stored_images(const JsonValue& preprocessing, DataOptions& options);

}  // namespace temper::training
