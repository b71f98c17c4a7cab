# The libraries as others see them, temper::temper and the C API's temper::c, and their installation: headers below include/temper,
# the libraries, the command, and the files for find_package(temper) and pkg-config.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

get_property(modules GLOBAL PROPERTY TEMPER_MODULES)
list(FILTER modules EXCLUDE REGEX "^temper_(tools_.*|api)$")

# The C API: always one shared library, of which nothing but its table of functions is seen.
set(c_exports ${CMAKE_CURRENT_LIST_DIR}/c_exports.map)
add_library(temper_c SHARED $<TARGET_OBJECTS:temper_api>)
target_include_directories(temper_c INTERFACE $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/api> $<INSTALL_INTERFACE:include>)
target_link_libraries(temper_c PRIVATE temper_training_application)
target_link_options(temper_c PRIVATE -Wl,--version-script=${c_exports} -Wl,-Bsymbolic-functions -Wl,--gc-sections)
set_target_properties(temper_c PROPERTIES LINKER_LANGUAGE CXX LINK_DEPENDS ${c_exports} EXPORT_NAME c
  VERSION ${PROJECT_VERSION} SOVERSION ${PROJECT_VERSION_MAJOR})
add_library(temper::c ALIAS temper_c)
install(TARGETS temper_c EXPORT temperCTargets
  LIBRARY COMPONENT library NAMELINK_COMPONENT development)
install(FILES ${PROJECT_SOURCE_DIR}/api/temper/temper.h ${PROJECT_SOURCE_DIR}/api/temper/temper.hpp
  DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/temper COMPONENT development)
file(RELATIVE_PATH temper_prefix /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
configure_file(${CMAKE_CURRENT_LIST_DIR}/temper.pc.in ${PROJECT_BINARY_DIR}/temper.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/temper.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig COMPONENT development)

if(BUILD_SHARED_LIBS)
  # One library of all modules. It exports what is in namespace temper and keeps everything else, other libraries' code above all, to itself.
  set(exports ${CMAKE_CURRENT_LIST_DIR}/exports.map)
  get_property(libraries GLOBAL PROPERTY TEMPER_LIBRARIES)
  add_library(temper_library SHARED)
  foreach(module IN LISTS modules)
    get_target_property(kind ${module} TYPE)
    if(kind STREQUAL STATIC_LIBRARY)
      target_sources(temper_library PRIVATE $<TARGET_OBJECTS:${module}>)
    endif()
  endforeach()
  target_link_libraries(temper_library PUBLIC temper_options PRIVATE ${libraries})
  target_link_options(temper_library PRIVATE -Wl,--version-script=${exports} -Wl,-Bsymbolic-functions)
  set_target_properties(temper_library PROPERTIES OUTPUT_NAME temper LINKER_LANGUAGE CXX LINK_DEPENDS ${exports}
    VERSION ${PROJECT_VERSION} SOVERSION ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR})
  install(TARGETS temper_library temper_options temper_numerics EXPORT temperTargets
    LIBRARY COMPONENT cxx NAMELINK_COMPONENT cxx)
else()
  add_library(temper_library INTERFACE)
  target_link_libraries(temper_library INTERFACE ${modules})
  install(TARGETS temper_library temper_options temper_numerics ${modules} temper_onnx_wire EXPORT temperTargets
    ARCHIVE COMPONENT cxx)
endif()
set_target_properties(temper_library PROPERTIES EXPORT_NAME temper)
add_library(temper::temper ALIAS temper_library)

if(TARGET temper)
  install(TARGETS temper RUNTIME COMPONENT command)
  include(${CMAKE_CURRENT_LIST_DIR}/shell_files.cmake)
endif()
foreach(folder runtime graph backends training models)
  install(DIRECTORY ${PROJECT_SOURCE_DIR}/${folder} DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/temper COMPONENT cxx
    FILES_MATCHING PATTERN "*.h")
endforeach()
set(package_folder ${CMAKE_INSTALL_LIBDIR}/cmake/temper)
install(EXPORT temperTargets NAMESPACE temper:: DESTINATION ${package_folder} COMPONENT cxx)
install(EXPORT temperCTargets NAMESPACE temper:: DESTINATION ${package_folder} COMPONENT development)
configure_package_config_file(${CMAKE_CURRENT_LIST_DIR}/temperConfig.cmake.in
  ${PROJECT_BINARY_DIR}/temperConfig.cmake INSTALL_DESTINATION ${package_folder})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/temperConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/temperConfig.cmake ${PROJECT_BINARY_DIR}/temperConfigVersion.cmake
  DESTINATION ${package_folder} COMPONENT development)
install(FILES ${PROJECT_SOURCE_DIR}/LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR} COMPONENT library)
