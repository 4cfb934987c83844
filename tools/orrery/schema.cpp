#include "tools/orrery/schema.hpp"
namespace orrery { JsonValue scenario_schema(const Builtins&, const Catalog&){ return {}; } }
