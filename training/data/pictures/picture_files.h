// The JPEG and PNG files of a folder: a sub-folder for each class (as torchvision's ImageFolder
// reads them), or pictures alone.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "training/data/open_dataset.h"

namespace temper::training {

struct PictureFile {
  std::string name;  // below the folder: "ant/12.jpg"
  std::uint64_t bytes = 0;
  std::int64_t label = -1;  // of its class; -1: none
};

struct PictureFolder {
  std::string path;
  std::vector<PictureFile> files;    // class by class, each in the order of names
  std::vector<std::string> classes;  // in the order of their labels
};

// Whether there is a picture in the folder or up to four folders below.
bool holds_pictures(const std::string& path);

// Of a folder that has only the sub-folders train and val (or valid, validation, test) the one that
// is asked for; else the folder itself.
std::string part_of_folder(const std::string& path, DataPart part);

// The classes are the sub-folders in the order of their names, or `known` where a model was trained
// on these: a sub-folder of another name is then an error.
// THROWS: kInvalidData for a folder without classes, a class without pictures, and picture files
// that are neither JPEG nor PNG.
PictureFolder find_classes(const std::string& path, const std::vector<std::string>& known);

// All pictures below the folder, or the one file that `path` is.
// THROWS: kInvalidData when there is none, and as above.
PictureFolder find_pictures(const std::string& path);

// For each picture the PNG file of the same name below `path`: "masks/a/7.png" of "a/7.jpg".
// THROWS: kInvalidData for a picture without one.
PictureFolder find_masks(const std::string& path, const PictureFolder& pictures);

// The file's bytes. THROWS: kIo.
std::vector<std::byte> read_picture_file(const std::string& path);

}  // namespace temper::training
