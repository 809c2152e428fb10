// What the report draws with; the rest of Chart.js stays out.
export {
    Chart, LineController, BarController, LineElement, BarElement, PointElement,
    LinearScale, LogarithmicScale, CategoryScale, Tooltip, Legend,
} from 'chart.js';
