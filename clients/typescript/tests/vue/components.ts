/** A component that uses the composables, for the browser and for rendering on the server. */

import { defineComponent, h } from "vue";
import type { PropType } from "vue";
import { useStreamState } from "../../src/vue.ts";
import type { Rendered } from "../../src/vue.ts";

/** Adds numbers up. */
export const Sum = defineComponent({
  props: { name: { type: String, required: true }, loaded: Object as PropType<Rendered<number>> },
  setup(props) {
    const { value } = useStreamState<number, number>(() => props.name, {
      initial: 0,
      loaded: props.loaded,
      reduce: (sum, { data }) => sum + data,
    });
    return () => h("p", { id: "sum" }, String(value.value));
  },
});
