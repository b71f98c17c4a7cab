// Folders of JPEG and PNG files as a data set: pictures of one size, and as target the class that
// each one's sub-folder names, or a mask with the class of each pixel. Files are decoded when they
// are read.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "training/data/pictures/picture_cache.h"
#include "training/data/pictures/picture_files.h"
#include "training/data/pictures/picture_preparation.h"

namespace temper::training {

class ImageFolderDataset : public Dataset {
 public:
  // Masks where options.settings.target_path names their folder. Without options.require_targets
  // sub-folders are no classes, and `path` may be one picture. THROWS: kInvalidData as
  // find_classes(), find_pictures() and find_masks(); kInvalidArgument as PicturePreparation.
  static std::unique_ptr<ImageFolderDataset> open(const std::string& path,
                                                  const DataOptions& options);

  std::int64_t count() const override { return static_cast<std::int64_t>(folder_.files.size()); }
  const std::vector<Field>& fields() const override { return fields_; }
  // THROWS: kInvalidData for a damaged file, with its name, and for a mask of another size than its
  // picture.
  void read(std::span<const std::int64_t> rows, std::span<Tensor> out) const override;
  // With augment.resized_crop a part of each picture and the same of its mask.
  void read_training(std::span<const std::int64_t> rows, std::int64_t epoch,
                     std::span<Tensor> out) const override;
  std::vector<std::int64_t> labels(std::size_t field) const override;
  // Of masks every one is decoded.
  std::optional<OutsideValue> find_outside(std::size_t field,
                                           const AllowedValues& allowed) const override;
  bool decodes() const override { return true; }
  std::string where(std::size_t field, std::int64_t row) const override;
  std::vector<std::string> class_names() const override { return folder_.classes; }
  const std::string& fingerprint() const override { return fingerprint_; }
  // {"images": {"resize", "crop", "interpolation", "classes"}}.
  JsonValue preprocessing() const override;
  // How many pictures EXIF says to turn, where that is not done. COST: every file is read.
  std::vector<std::string> remarks() const override;

 private:
  ImageFolderDataset(PictureFolder folder, std::optional<PictureFolder> masks,
                     const DataOptions& options);
  void add_target(const WantedField& wanted);
  Picture decode_mask(std::int64_t row) const;
  PictureSample decode(std::int64_t row) const;
  PictureSample prepare(const PictureSample& whole, std::int64_t row) const;
  // What the cache keeps: prepared, or whole where training cuts parts out.
  // `room` holds it where there is no room in the cache.
  const PictureSample& sample_of(std::int64_t row, PictureSample& room) const;
  void write(const PictureSample& sample, std::int64_t row, std::span<Tensor> out,
             std::int64_t place) const;

  PictureFolder folder_;
  std::optional<PictureFolder> masks_;
  PicturePreparation preparation_;
  AugmentSettings augment_;
  std::uint64_t seed_ = 0;
  PixelValues image_values_;
  PixelValues mask_values_;
  std::vector<Field> fields_;
  std::string fingerprint_;
  mutable PictureCache cache_;
};

}  // namespace temper::training
