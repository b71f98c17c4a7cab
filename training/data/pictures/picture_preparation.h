// How pictures of any size become rows of one shape: data.resize, then the middle of data.crop, or
// of the size that the model's input has.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "training/data/open_dataset.h"
#include "training/data/pictures/image_resize.h"

namespace temper::training {

class PicturePreparation {
 public:
  // By the first input of `options` and its images. THROWS: kInvalidArgument when height and width
  // are not known, or what is said does not go together.
  explicit PicturePreparation(const DataOptions& options);

  std::int64_t channels() const { return channels_; }
  // Of every row: of the crop, or, where the model itself crops, of what it makes no larger or
  // smaller.
  PixelSize size() const { return size_; }
  // Whether the model's input is [N, height, width, channels].
  bool channels_last() const { return channels_last_; }
  // Of a picture in that order.
  Shape row_shape() const;

  // What a picture is resized to. THROWS: kInvalidData, naming `where`, when the crop is larger.
  PixelSize resized(PixelSize picture, const std::string& where) const;
  // As torchvision's Resize and CenterCrop.
  Picture prepare(const Picture& picture, Resampling how, const std::string& where) const;
  Picture prepare(const Picture& picture, const std::string& where) const {
    return prepare(picture, how_, where);
  }

  // `part` of it brought to size().
  Picture resize_part(const Picture& picture, const PixelBox& part, Resampling how) const {
    return resize(picture, part, size_, how, {0, 0, size_});
  }
  Picture resize_part(const Picture& picture, const PixelBox& part) const {
    return resize_part(picture, part, how_);
  }

  // Whether pictures are turned as their EXIF orientation says.
  bool turns() const { return turns_; }

  // {"resize": [...], "crop": [h, w], "interpolation", "exif_orientation"}: for
  // use_stored_preparation().
  void store(JsonValue& images) const;

 private:
  void settle_size(const DataOptions& options, const std::vector<std::int64_t>& dims,
                   const std::string& name);
  void check_resize() const;

  std::int64_t channels_ = 3;
  bool channels_last_ = false;
  PixelSize size_;
  PixelSize crop_;  // the middle of a picture that the model's layers see
  std::vector<std::int64_t> resize_;
  Resampling how_ = Resampling::kBilinear;
  std::string interpolation_;
  bool turns_ = false;
};

// Whether the model prepares its pictures itself (temper convert --embed-preprocessing), as the
// stored preparation says: it takes 8-bit pictures, in sizes that it brings to its own.
bool is_inside_model(const JsonValue& preprocessing);

// What store() wrote and the names of the classes, in place of what `options` say.
// THROWS: kInvalidData for values that no recipe could have.
void use_stored_preparation(const JsonValue& images, DataOptions& options);

// What each of the 256 values of a pixel becomes.
using PixelValues = std::array<float, 256>;
PixelValues divided_by(double divisor);

// Row `row` of the batch `out`. REQUIRES: the picture has as many values as a row.
void write_picture(const Picture& picture, const PixelValues& values, Tensor& out, std::int64_t row,
                   bool channels_last = false);

}  // namespace temper::training
