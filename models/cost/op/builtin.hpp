#pragma once

#include "models/cost/op/op_model.hpp"

namespace orrery {

std::unique_ptr<OpModel> make_gemm_op();
std::unique_ptr<OpModel> make_context_attention_op();
std::unique_ptr<OpModel> make_generation_attention_op();
std::unique_ptr<OpModel> make_moe_op();
std::unique_ptr<OpModel> make_gated_delta_net_op();
std::unique_ptr<OpModel> make_conv3x3_op();
std::unique_ptr<OpModel> make_elementwise_op();
std::unique_ptr<OpModel> make_softmax_op();
std::unique_ptr<OpModel> make_pack_op();

}  // namespace orrery
