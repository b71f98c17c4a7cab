// Names that begin with a dot are left out: systems and notebooks leave such folders and files.
#include "training/data/pictures/picture_files.h"

#include <algorithm>

#include "runtime/base/error.h"
#include "runtime/platform/files.h"
#include "runtime/platform/folders.h"
#include "training/formats/image_file.h"

namespace temper::training {
namespace {

constexpr int kMostFolders = 16;  // below each other; links can lead in circles
constexpr std::uint64_t kMostFileBytes = std::uint64_t{1} << 30;

struct Listing {
  std::vector<std::string> folders;
  std::vector<std::string> pictures;
};

Listing list(const std::string& path) {
  Listing found;
  for (const std::string& name : list_directory(path)) {
    if (name.starts_with(".")) {
      continue;
    }
    if (has_image_name(name)) {
      found.pictures.push_back(name);
      continue;
    }
    const FileStatus status = file_status(join_path(path, name));
    TEMPER_CHECK(!status.is_regular || !has_other_image_name(name), ErrorCode::kInvalidData,
                 join_path(path, name),
                 " is a picture of another kind than JPEG and PNG; convert "
                 "it (with ImageMagick: mogrify -format png FILE), or move it away");
    if (status.is_folder) {
      found.folders.push_back(name);
    }
  }
  return found;
}

// Adds the pictures of root/below and of the folders in it.
void collect(const std::string& root, const std::string& below, std::int64_t label, int depth,
             std::vector<PictureFile>& to) {
  const std::string folder = below.empty() ? root : join_path(root, below);
  TEMPER_CHECK(depth <= kMostFolders, ErrorCode::kInvalidData, folder, " lies more than ",
               kMostFolders, " folders deep. Does a link lead in a circle?");
  const Listing found = list(folder);
  for (const std::string& name : found.pictures) {
    const std::string path = below.empty() ? name : join_path(below, name);
    const FileStatus status = file_status(join_path(root, path));
    TEMPER_CHECK(status.is_regular, ErrorCode::kInvalidData, join_path(root, path),
                 status.exists ? " is no file" : " is a link to nothing");
    to.push_back({path, status.size, label});
  }
  for (const std::string& name : found.folders) {
    collect(root, below.empty() ? name : join_path(below, name), label, depth + 1, to);
  }
}

bool holds_pictures(const std::string& path, int depth) {
  std::vector<std::string> folders;
  for (const std::string& name : list_directory(path)) {
    if (name.starts_with(".")) {
      continue;
    }
    if (has_image_name(name)) {
      return true;
    }
    if (file_status(join_path(path, name)).is_folder) {
      folders.push_back(join_path(path, name));
    }
  }
  return depth > 0 && std::any_of(folders.begin(), folders.end(), [&](const std::string& folder) {
           return holds_pictures(folder, depth - 1);
         });
}

std::string names_of(const std::vector<std::string>& classes) {
  constexpr std::size_t kMost = 20;
  return classes.size() <= kMost
             ? join(classes, ", ")
             : concat(
                   join(std::vector<std::string>(classes.begin(), classes.begin() + kMost), ", "),
                   ", ... (", classes.size(), " in all)");
}

}  // namespace

bool holds_pictures(const std::string& path) {
  constexpr int kFoldersBelow = 4;
  return holds_pictures(path, kFoldersBelow);
}

std::string part_of_folder(const std::string& path, DataPart part) {
  constexpr std::string_view kOthers[] = {"val", "valid", "validation", "test"};
  if (!file_status(path).is_folder) {
    return path;
  }
  std::vector<std::string> folders;
  for (const std::string& name : list_directory(path)) {
    if (!name.starts_with(".") && file_status(join_path(path, name)).is_folder) {
      folders.push_back(name);
    }
  }
  const auto is = [](std::string_view wanted) {
    return [wanted](const std::string& name) { return name == wanted; };
  };
  std::string other;
  for (const std::string_view name : kOthers) {
    if (other.empty() && std::any_of(folders.begin(), folders.end(), is(name))) {
      other = name;
    }
  }
  const bool parts = !other.empty() && std::any_of(folders.begin(), folders.end(), is("train")) &&
                     std::all_of(folders.begin(), folders.end(), [&](const std::string& name) {
                       return name == "train" || std::find(std::begin(kOthers), std::end(kOthers),
                                                           name) != std::end(kOthers);
                     });
  return parts ? join_path(path, part == DataPart::kTrain ? "train" : other) : path;
}

PictureFolder find_classes(const std::string& path, const std::vector<std::string>& known) {
  TEMPER_CHECK(file_status(path).is_folder, ErrorCode::kInvalidData, path,
               " is a picture without a class; name a folder that has a sub-folder of pictures for "
               "each class");
  PictureFolder folder;
  folder.path = path;
  const Listing top = list(path);
  TEMPER_CHECK(
      !top.folders.empty(), ErrorCode::kInvalidData, path, " has ", top.pictures.size(),
      " pictures but no sub-folders, so they have no classes: put those of each class into "
      "a sub-folder of its name, or name masks by data.target_path");
  TEMPER_CHECK(top.pictures.empty(), ErrorCode::kInvalidData, join_path(path, top.pictures.front()),
               " lies beside the sub-folders of the classes; move it into one of them");
  folder.classes = known.empty() ? top.folders : known;
  for (const std::string& name : top.folders) {
    const auto place = std::find(folder.classes.begin(), folder.classes.end(), name);
    TEMPER_CHECK(place != folder.classes.end(), ErrorCode::kInvalidData, join_path(path, name),
                 " is no class of the training data, which are ", names_of(folder.classes));
    const std::size_t before = folder.files.size();
    collect(path, name, place - folder.classes.begin(), 1, folder.files);
    TEMPER_CHECK(folder.files.size() > before, ErrorCode::kInvalidData, join_path(path, name),
                 " has no .jpg, .jpeg or .png files; each sub-folder is a class");
  }
  return folder;
}

PictureFolder find_pictures(const std::string& path) {
  PictureFolder folder;
  const FileStatus status = file_status(path);
  if (!status.is_folder) {
    folder.path = folder_of(path);
    folder.files = {{file_name_of(path), status.size, -1}};
    return folder;
  }
  folder.path = path;
  collect(path, "", -1, 0, folder.files);
  TEMPER_CHECK(!folder.files.empty(), ErrorCode::kInvalidData, path,
               " has no .jpg, .jpeg or .png files");
  return folder;
}

PictureFolder find_masks(const std::string& path, const PictureFolder& pictures) {
  TEMPER_CHECK(
      file_status(path).is_folder, ErrorCode::kInvalidData, "data.target_path = ", path,
      " is no folder; the targets of pictures are a folder of masks, one PNG file for each "
      "picture, with its name");
  PictureFolder masks;
  masks.path = path;
  for (const PictureFile& picture : pictures.files) {
    const std::string stem = picture.name.substr(0, picture.name.rfind('.'));
    const FileStatus status = file_status(join_path(path, stem + ".png"));
    TEMPER_CHECK(status.is_regular, ErrorCode::kInvalidData, join_path(path, stem + ".png"),
                 " is missing: ", join_path(pictures.path, picture.name), " has no mask");
    masks.files.push_back({stem + ".png", status.size, -1});
  }
  return masks;
}

std::vector<std::byte> read_picture_file(const std::string& path) {
  return read_file(path, kMostFileBytes);
}

}  // namespace temper::training
