/** The script of the SharedWorker. */

import { serveTabs } from "../../src/shared-worker.ts";

serveTabs({ timing: { backoffBase: 50 } });
