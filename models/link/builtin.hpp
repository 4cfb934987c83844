#pragma once

#include <memory>

#include "models/link/link_model.hpp"

namespace orrery {

// The factories that builtin_links() lists; one a source file.
std::unique_ptr<LinkModel> make_nvlink(const LinkSpec& spec);
std::unique_ptr<LinkModel> make_pcie(const LinkSpec& spec);
std::unique_ptr<LinkModel> make_rdma(const LinkSpec& spec);
std::unique_ptr<LinkModel> make_tcp(const LinkSpec& spec);
std::unique_ptr<LinkModel> make_wire(const LinkSpec& spec);

}  // namespace orrery
