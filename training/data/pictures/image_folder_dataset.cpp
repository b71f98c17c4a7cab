// Reading, preparing and keeping the pictures and masks of folders.
#include "training/data/pictures/image_folder_dataset.h"

#include <algorithm>
#include <utility>

#include "runtime/base/error.h"
#include "runtime/platform/folders.h"
#include "training/data/pictures/augment.h"
#include "training/data/row_shape.h"
#include "training/formats/exif.h"
#include "training/formats/sha256.h"

namespace temper::training {
namespace {

// Names and sizes: reading every byte would take as long as an epoch.
std::string fingerprint_of(const std::vector<const PictureFolder*>& folders, bool complete) {
  Sha256 hash;
  std::uint64_t total = 0;
  for (const PictureFolder* folder : folders) {
    for (const PictureFile& file : folder->files) {
      total += file.bytes;
      hash.update(concat(file.name, "\n", file.bytes, ";"));
      if (complete) {
        hash.update(read_picture_file(join_path(folder->path, file.name)));
      }
    }
  }
  return concat(total, "-", hash.finish());
}

std::string path_of(const PictureFolder& folder, std::int64_t row) {
  return join_path(folder.path, folder.files.at(static_cast<std::size_t>(row)).name);
}

}  // namespace

std::unique_ptr<ImageFolderDataset> ImageFolderDataset::open(const std::string& path,
                                                             const DataOptions& options) {
  TEMPER_CHECK(options.inputs.size() <= 1 && options.targets.size() <= 1, ErrorCode::kInvalidData,
               path, " gives one input and one target; the model has ", options.inputs.size(),
               " inputs, and ", options.targets.size(), " targets are asked for");
  const std::string part = part_of_folder(path, options.part);
  const bool masked = options.require_targets && !options.settings.target_path.empty();
  PictureFolder folder = options.require_targets && !masked ? find_classes(part, options.classes)
                                                            : find_pictures(part);
  std::optional<PictureFolder> masks;
  if (masked) {
    masks = find_masks(part_of_folder(options.settings.target_path, options.part), folder);
  }
  return std::unique_ptr<ImageFolderDataset>(
      new ImageFolderDataset(std::move(folder), std::move(masks), options));
}

ImageFolderDataset::ImageFolderDataset(PictureFolder folder, std::optional<PictureFolder> masks,
                                       const DataOptions& options)
    : folder_(std::move(folder)),
      masks_(std::move(masks)),
      preparation_(options),
      augment_(options.augment),
      seed_(static_cast<std::uint64_t>(options.settings.seed)),
      cache_(static_cast<std::int64_t>(folder_.files.size()), options.settings.cache_mb << 20) {
  std::vector<const PictureFolder*> folders = {&folder_};
  if (masks_.has_value()) {
    folders.push_back(&*masks_);
  }
  fingerprint_ = fingerprint_of(folders, options.hash_everything);
  const WantedField input = options.inputs.empty() ? WantedField{} : options.inputs.front();
  const DType own = options.settings.scale ? DType::kFloat32 : DType::kUInt8;
  Field image;
  image.name = input.name.empty() ? "input" : input.name;
  image.dtype = input.dtype == DType::kUndefined ? own : input.dtype;
  image.row_shape = preparation_.row_shape();
  const double divisor = options.settings.scale && is_float(image.dtype) ? 255 : 1;
  image.white = is_float(image.dtype) ? 255 / divisor : 0;
  image_values_ = divided_by(divisor);
  fields_.push_back(std::move(image));
  if (options.require_targets) {
    add_target(options.targets.empty() ? WantedField{} : options.targets.front());
  }
}

void ImageFolderDataset::add_target(const WantedField& wanted) {
  Field target;
  target.name = wanted.name.empty() ? "target" : wanted.name;
  target.dtype = wanted.dtype == DType::kUndefined ? DType::kInt64 : wanted.dtype;
  target.is_target = true;
  target.is_mask = masks_.has_value();
  const Shape own =
      target.is_mask ? Shape{preparation_.size().height, preparation_.size().width} : Shape{};
  target.row_shape = fit_row_shape(own, wanted, target.is_mask ? masks_->path : folder_.path);
  mask_values_ = divided_by(1);
  if (is_float(target.dtype)) {
    std::fill(mask_values_.begin() + 1, mask_values_.end(), 1.0f);
  }
  fields_.push_back(std::move(target));
}

Picture ImageFolderDataset::decode_mask(std::int64_t row) const {
  const std::string path = path_of(*masks_, row);
  const std::vector<std::byte> bytes = read_picture_file(path);
  Picture mask = decode_classes(bytes, path);
  if (preparation_.turns()) {
    mask = upright(std::move(mask), exif_orientation(bytes));
  }
  return mask;
}

PictureSample ImageFolderDataset::decode(std::int64_t row) const {
  const std::string path = path_of(folder_, row);
  PictureSample whole;
  const std::vector<std::byte> bytes = read_picture_file(path);
  whole.image = decode_image(bytes, preparation_.channels(), path);
  if (preparation_.turns()) {
    whole.image = upright(std::move(whole.image), exif_orientation(bytes));
  }
  if (masks_.has_value()) {
    whole.mask = decode_mask(row);
    TEMPER_CHECK(size_of(whole.mask) == size_of(whole.image), ErrorCode::kInvalidData,
                 path_of(*masks_, row), " has ", whole.mask.width, " x ", whole.mask.height,
                 " pixels, its picture ", path, " ", whole.image.width, " x ", whole.image.height,
                 "; a mask says the class of each pixel, so both need the same size");
  }
  return whole;
}

PictureSample ImageFolderDataset::prepare(const PictureSample& whole, std::int64_t row) const {
  const std::string path = path_of(folder_, row);
  PictureSample made;
  made.image = preparation_.prepare(whole.image, path);
  if (masks_.has_value()) {
    made.mask = preparation_.prepare(whole.mask, Resampling::kNearest, path);
  }
  return made;
}

const PictureSample& ImageFolderDataset::sample_of(std::int64_t row, PictureSample& room) const {
  const PictureSample* kept = cache_.find(row);
  if (kept == nullptr) {
    room = decode(row);
    if (!augment_.resized_crop) {
      room = prepare(room, row);
    }
    kept = cache_.keep(row, room);
  }
  return kept == nullptr ? room : *kept;
}

void ImageFolderDataset::write(const PictureSample& sample, std::int64_t row, std::span<Tensor> out,
                               std::int64_t place) const {
  TEMPER_ASSERT(out.size() == fields_.size());
  write_picture(sample.image, image_values_, out[0], place, preparation_.channels_last());
  if (masks_.has_value()) {
    write_picture(sample.mask, mask_values_, out[1], place);
  } else if (out.size() > 1) {
    const std::int64_t label = folder_.files[static_cast<std::size_t>(row)].label;
    visit_any(out[1].dtype(), [&]<class T>() {
      static_cast<T*>(out[1].data())[place] = convert_element<T>(label);
    });
  }
}

void ImageFolderDataset::read(std::span<const std::int64_t> rows, std::span<Tensor> out) const {
  PictureSample room;
  std::int64_t place = 0;
  for (const std::int64_t row : rows) {
    const PictureSample& sample = sample_of(row, room);
    if (augment_.resized_crop) {
      write(prepare(sample, row), row, out, place++);
    } else {
      write(sample, row, out, place++);
    }
  }
}

void ImageFolderDataset::read_training(std::span<const std::int64_t> rows, std::int64_t epoch,
                                       std::span<Tensor> out) const {
  if (!augment_.resized_crop) {
    read(rows, out);
    return;
  }
  PictureSample room;
  std::int64_t place = 0;
  for (const std::int64_t row : rows) {
    const PictureSample& whole = sample_of(row, room);
    const PixelBox part =
        SampleAugmentation(augment_, seed_, epoch, row).part_of(size_of(whole.image));
    PictureSample made;
    made.image = preparation_.resize_part(whole.image, part);
    if (masks_.has_value()) {
      made.mask = preparation_.resize_part(whole.mask, part, Resampling::kNearest);
    }
    write(made, row, out, place++);
  }
}

std::vector<std::int64_t> ImageFolderDataset::labels(std::size_t field) const {
  TEMPER_CHECK(fields_.at(field).is_target && !masks_.has_value(), ErrorCode::kInvalidData,
               folder_.path, ": its ", fields_[field].is_target ? "masks" : "pictures",
               " are no class labels, one for each picture");
  std::vector<std::int64_t> all;
  for (const PictureFile& file : folder_.files) {
    all.push_back(file.label);
  }
  return all;
}

std::optional<OutsideValue> ImageFolderDataset::find_outside(std::size_t field,
                                                             const AllowedValues& allowed) const {
  if (!fields_.at(field).is_target) {
    return Dataset::find_outside(field, allowed);
  }
  for (std::int64_t row = 0; row < count(); ++row) {
    const std::int64_t label = folder_.files[static_cast<std::size_t>(row)].label;
    if (!masks_.has_value()) {
      if (!allowed.allows(label)) {
        return OutsideValue{where(field, row), label};
      }
      continue;
    }
    const Picture mask = decode_mask(row);
    const auto bad = std::find_if(mask.pixels.begin(), mask.pixels.end(),
                                  [&](std::uint8_t value) { return !allowed.allows(value); });
    if (bad != mask.pixels.end()) {
      const std::int64_t pixel = bad - mask.pixels.begin();
      return OutsideValue{
          concat(where(field, row), ", row ", pixel / mask.width, ", column ", pixel % mask.width),
          *bad};
    }
  }
  return std::nullopt;
}

std::string ImageFolderDataset::where(std::size_t field, std::int64_t row) const {
  return path_of(field > 0 && masks_.has_value() ? *masks_ : folder_, row);
}

JsonValue ImageFolderDataset::preprocessing() const {
  JsonValue images = JsonValue::object();
  preparation_.store(images);
  images.set("classes", JsonValue::array_of(folder_.classes));
  JsonValue all = JsonValue::object();
  all.set("images", images);
  return all;
}

std::vector<std::string> ImageFolderDataset::remarks() const {
  std::int64_t turned = 0;
  std::string first;
  for (std::int64_t row = 0; row < count() && !preparation_.turns(); ++row) {
    const std::string path = path_of(folder_, row);
    const int orientation = exif_orientation(read_picture_file(path));
    if (orientation != 1 && turned++ == 0) {
      first = concat(path, " (", orientation, ")");
    }
  }
  if (turned == 0) {
    return {};
  }
  return {concat(turned, " of ", count(), " pictures of ", folder_.path,
                 " have an EXIF orientation other than 1, the first ", first,
                 "; they are read as stored, as torchvision does: data.exif_orientation = true "
                 "turns them upright")};
}

}  // namespace temper::training
