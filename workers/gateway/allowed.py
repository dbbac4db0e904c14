"""Allow-list of the keys of a model request, by kind of call."""

from typing import Final

from workers.gateway.routes import Kind

_COMMON: Final = "model stream temperature top_p top_k metadata user tools tool_choice service_tier"
_BY_KIND: Final[dict[Kind, str]] = {
    "messages": f"{_COMMON} messages system max_tokens stop_sequences thinking cache_control context_management "
    "output_config output_format betas diagnostics",
    "responses": f"{_COMMON} input instructions parallel_tool_calls max_output_tokens max_tool_calls stream_options "
    "reasoning text store include safety_identifier prompt_cache_key prompt_cache_retention truncation "
    "client_metadata verbosity",
    "chat": f"{_COMMON} messages functions function_call parallel_tool_calls max_tokens max_completion_tokens n "
    "stream_options min_p stop presence_penalty frequency_penalty repetition_penalty logit_bias logprobs "
    "top_logprobs seed response_format reasoning_effort reasoning thinking verbosity usage store "
    "prompt_cache_key safety_identifier enable_thinking thinking_budget include_reasoning "
    "chat_template_kwargs cache_control vl_high_resolution_images tool_stream",
    "generate": "contents systemInstruction tools toolConfig generationConfig safetySettings labels",
}
ALLOWED: Final = {kind: frozenset(keys.split()) for kind, keys in _BY_KIND.items()}
"""What a request may have; everything else is taken out: it may cost more than the hold, or refer to what lies at the
provider."""
