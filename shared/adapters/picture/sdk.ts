// The parts of the chart library and the renderer that we use, in a chunk of their own: loaded when the first picture is drawn.
import { BarChart, LineChart } from 'echarts/charts';
import { GridComponent, TitleComponent } from 'echarts/components';
import { init, use } from 'echarts/core';
import { SVGRenderer } from 'echarts/renderers';
import { initWasm, Resvg } from '@resvg/resvg-wasm';

use([BarChart, LineChart, GridComponent, TitleComponent, SVGRenderer]);

export { init, initWasm, Resvg };
